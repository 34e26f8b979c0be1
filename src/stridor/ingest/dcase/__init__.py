"""The data sets of DCASE Task 2 from Zenodo: `years` says where, `downloading` fetches, `project` brings them in."""

from stridor.ingest.dcase.project import Request, download_and_import, list_files
from stridor.ingest.dcase.years import SETS, YEARS

__all__ = ["SETS", "YEARS", "Request", "download_and_import", "list_files"]
