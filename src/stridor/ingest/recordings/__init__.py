"""Own recordings come in: `layout` and `plain` find, `checking` refuses, `placing` and `detectors` write."""

from stridor.ingest.recordings.folder import import_folder
from stridor.ingest.recordings.plain import Cutting
from stridor.ingest.recordings.report import ImportReport, MachineReport

__all__ = ["Cutting", "ImportReport", "MachineReport", "import_folder"]
