"""Which of its own recordings a watch keeps, once their lines are written."""

from pathlib import Path
from typing import Any, Literal

from stridor.operation.journal import Journal, lines_after
from stridor.operation.microphone import PREFIX

Keep = Literal["all", "anomalous", "none"]


class KeptRecordings:
    """Removes recordings of the microphone that were scored and are not to be kept.

    It follows the journal from its beginning, so that what a watch did not come to before it was killed is removed by
    the next one. Nothing but clips that the microphone wrote, and that are as the journal says, is removed.

    Parameters
    ----------
    journal : Journal
    folder : Path
    keep : str
        "all", "anomalous" or "none".
    """

    def __init__(self, journal: Journal, folder: Path, keep: Keep) -> None:
        self._journal, self._folder, self._keep = journal, folder, keep
        self._offset = 0

    def step(self) -> None:
        """Remove what has been scored since the last call."""
        if self._keep == "all":
            return
        for offset, entry in lines_after(self._journal.path, self._offset):
            if entry["event"] == "recording" and not self._keeps(entry):
                path = self._folder / entry["file"]
                if path.name == entry["file"] and path.name.startswith(PREFIX) and _is_as_scored(path, entry):
                    path.unlink(missing_ok=True)
            self._offset = offset

    def _keeps(self, entry: dict[str, Any]) -> bool:
        return self._keep == "anomalous" and bool(entry.get("anomalous"))


def _is_as_scored(path: Path, entry: dict[str, Any]) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return (found.st_size, found.st_mtime_ns) == (entry["size"], entry["mtime_ns"])
