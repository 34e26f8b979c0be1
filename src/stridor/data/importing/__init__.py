"""Own recordings come in: `layout` finds, `checking` refuses, `placing` and `detectors` write."""

from stridor.data.importing.folder import import_folder
from stridor.data.importing.report import ImportReport, MachineReport

__all__ = ["ImportReport", "MachineReport", "import_folder"]
