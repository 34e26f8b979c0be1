"""Pages of many recordings in a folder, each written when it is known, and the page that lists them."""

import re
from pathlib import Path
from urllib.parse import quote

from stridor.common.atomic import atomic_file
from stridor.explanation.explain import Explanation
from stridor.explanation.page import Row, folder_page, recording_page
from stridor.serving.listening import Failure

INDEX = "index.html"
_LONGEST_NAME = 100


class PageFolder:
    """A folder of pages.

    Parameters
    ----------
    folder : Path
        Created if needed; pages of the same names are replaced.
    detector : str
        What the user calls it.
    """

    def __init__(self, folder: Path, detector: str) -> None:
        self.folder, self.detector = folder, detector
        self._rows: list[Row] = []
        self._taken = {INDEX}

    def add(self, explanation: Explanation, with_page: bool = True) -> Path | None:
        """Write the page of a recording and return its path; without one, the recording is only listed."""
        path = None
        if with_page:
            path = self.folder / self._free(Path(explanation.verdict.recording).name)
            _write(path, recording_page(explanation, self.detector))
        self._rows.append(Row(explanation.verdict, quote(path.name) if path else None))
        return path

    def finish(self, failures: list[Failure]) -> Path:
        """Write the page that lists them all, and what could not be scored; return its path."""
        _write(self.folder / INDEX, folder_page(self._rows, failures, self.detector))
        return self.folder / INDEX

    def _free(self, name: str) -> str:
        """Return a name of a page that any file system and browser takes; recordings may share theirs."""
        stem = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:_LONGEST_NAME].lstrip(".-") or "recording"
        number, free = 1, f"{stem}.html"
        while free.lower() in self._taken:
            number, free = number + 1, f"{stem}-{number + 1}.html"
        self._taken.add(free.lower())
        return free


def _write(path: Path, page: str) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
