"""Own recordings come in: `layout` and `plain` find, `checking` refuses, `placing` and `detectors` write."""

from stridor.data.importing.folder import import_folder
from stridor.data.importing.plain import Cutting
from stridor.data.importing.report import ImportReport, MachineReport

__all__ = ["Cutting", "ImportReport", "MachineReport", "import_folder"]
