"""The results of a watch as JSON lines, which are also its memory: a line is written whole, or taken back."""

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from stridor.common.errors import StridorError

# How every line begins, by which a file of something else is told.
_START = b'{"event": "'
_BLOCK = 2**16


class Journal:
    """A file of JSON lines that one process writes to, from any of its threads.

    Every line is one system call and is on the disk when `append` returns. What a killed process has left of a line is
    removed when the file is opened again.

    Parameters
    ----------
    path : Path

    Raises
    ------
    StridorError
        If another process writes to the file, or it holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._changed = threading.Condition()
        self._is_open = True
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._repair()
        except BlockingIOError:
            os.close(self._file)
            raise StridorError(f"Another process writes to {path}; end it, or name another file by --output.") from None
        except StridorError:
            os.close(self._file)
            raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_open = False
            os.close(self._file)

    def append(self, entry: dict[str, Any]) -> None:
        """Add a line; its first key is `event`.

        Raises
        ------
        StridorError
            If the journal is closed already, for threads that end late.
        """
        line = json.dumps(entry).encode() + b"\n"
        assert line.startswith(_START)
        with self._changed:
            if not self._is_open:
                raise StridorError(f"{self.path} is closed; start the watch again.")
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
            self._changed.notify_all()

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the entries from the first one.

        Raises
        ------
        StridorError
            If a line is none of a watch.
        """
        return read_lines(self.path)

    def wait_beyond(self, offset: int, seconds: float) -> None:
        """Wait until the journal is longer than so many bytes, at most for some seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_open or os.fstat(self._file).st_size > offset, seconds)

    def _repair(self) -> None:
        size = os.fstat(self._file).st_size
        end = self._last_line_end(size)
        rest = os.pread(self._file, min(size - end, _BLOCK), end)
        if not rest:
            return
        # After a loss of power a file system may have kept the length of a line but not its bytes.
        if rest.strip(b"\0") and not (rest.startswith(_START) or _START.startswith(rest)):
            raise StridorError(
                f"{self.path} holds something else than the results of a watch; name another file by --output."
            )
        os.ftruncate(self._file, end)
        os.fsync(self._file)

    def _last_line_end(self, size: int) -> int:
        at = size
        while at:
            start = max(0, at - _BLOCK)
            found = os.pread(self._file, at - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            at = start
        return 0


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines; one that is being written at its end is left out.

    Raises
    ------
    StridorError
        If the file is missing, or a line is not an object in JSON.
    """
    return (entry for _, entry in lines_after(path, 0))


def lines_after(path: Path, offset: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a file of JSON lines behind an offset in bytes, each with the offset of the next one.

    Raises
    ------
    StridorError
        As from `read_lines`.
    """
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            from_start = not offset
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    entry = json.loads(line)
                except ValueError:
                    entry = None
                if not isinstance(entry, dict):
                    where = f"line {number}" if from_start else f"what begins at byte {offset}"
                    raise StridorError(
                        f"{path}: {where} is not a result of stridor; give what 'stridor watch' or 'stridor "
                        "score --json' wrote."
                    )
                offset += len(line)
                yield offset, entry
    except FileNotFoundError:
        raise StridorError(f"{path} is missing; give a folder of recordings or a file of results.") from None
