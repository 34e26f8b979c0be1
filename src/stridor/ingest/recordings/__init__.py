"""Importing recordings: `machines` finds, `checking` and `plain` decide, `transaction` writes."""

from stridor.ingest.recordings.folder import import_folder
from stridor.ingest.recordings.folder_names import FolderNames
from stridor.ingest.recordings.plain import Cutting
from stridor.ingest.recordings.report import ImportReport, MachineReport

__all__ = ["Cutting", "FolderNames", "ImportReport", "MachineReport", "import_folder"]
