"""The checksums that were pinned when files were first downloaded: a small table that belongs into git."""

import csv
from collections.abc import Iterable
from dataclasses import astuple, fields, replace
from pathlib import Path
from threading import Lock
from typing import Any

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError
from stridor.ingest.dcase.record import MD5, RecordFile, newest_revision

NAME = "dcase-checksums.csv"

_COLUMNS = [field.name for field in fields(RecordFile)]


class Pins:
    """The pinned files of a project.

    A published file that was replaced would otherwise go unnoticed, and two results would be compared that were
    measured on different clips.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._files = _read(path)

    def find(self, record: str, stem: str) -> RecordFile | None:
        """Return the pinned archive of a record by its name without revision and .zip."""
        names = [name for number, name in self._files if number == record]
        name = newest_revision(names, stem)
        return self._files[record, name] if name else None

    def refuse_another(self, file: RecordFile, stem: str) -> None:
        """Refuse an archive if another one is pinned in its place.

        Raises
        ------
        StridorError
            If the record's archive was replaced since it was pinned.
        """
        pinned = self.find(file.record, stem)
        if pinned and pinned != file:
            now = f"has the MD5 {file.md5}" if pinned.name == file.name else f"is called {file.name}"
            raise StridorError(
                f"{pinned.name} of record {file.record} was replaced since it was pinned: it {now}, and {self.path} "
                f"says {pinned.md5}; read what the record's page says of the change, and remove the line from "
                f"{self.path.name} to take the new file, whose results must not be compared with the old one's."
            )

    def add(self, file: RecordFile) -> None:
        """Pin a file that has been downloaded and checked."""
        with self._lock:
            if self._files.get((file.record, file.name)) == file:
                return
            self._files[file.record, file.name] = file
            with atomic_file(self.path) as temporary, temporary.open("w", encoding="utf-8", newline="") as table:
                writer = csv.writer(table, lineterminator="\n")
                writer.writerow(_COLUMNS)
                writer.writerows(astuple(self._files[key]) for key in sorted(self._files))


def _read(path: Path) -> dict[tuple[str, str], RecordFile]:
    if not path.exists():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as table:
            lines: Iterable[dict[str, Any]] = csv.DictReader(table)
            rows = [RecordFile(**line) for line in lines]
        if any(int(row.bytes) < 0 or not row.record or not row.name or not MD5.fullmatch(row.md5) for row in rows):
            raise ValueError("a size or a checksum is not valid")
        return {(file.record, file.name): replace(file, bytes=int(file.bytes)) for file in rows}
    except (TypeError, ValueError, csv.Error):
        raise StridorError(
            f"{path} is not a table with the columns {', '.join(_COLUMNS)}; restore it by 'git checkout {path.name}'."
        ) from None
