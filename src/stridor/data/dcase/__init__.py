"""The data sets of DCASE Task 2 from Zenodo: `years` says where, `downloading` fetches, `project` brings them in."""

from stridor.data.dcase.project import Request, bring, list_files
from stridor.data.dcase.years import SETS, YEARS

__all__ = ["SETS", "YEARS", "Request", "bring", "list_files"]
