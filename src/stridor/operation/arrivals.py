"""Recordings that appear in a folder, each when nobody is writing to it any more."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stridor.audio.opening import open_sound
from stridor.common.errors import StridorError
from stridor.serving.found import find_recordings

# A recording whose header says that it is unfinished, or that cannot be read, may only be slow to be written.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Arrival:
    """A recording that is complete.

    Attributes
    ----------
    path : Path
    name : str
        Relative to the folder.
    size : int
        Bytes.
    mtime_ns : int
        When it was last changed.
    """

    path: Path
    name: str
    size: int
    mtime_ns: int

    @property
    def is_unchanged(self) -> bool:
        """Whether the file still is what it was."""
        return _state(self.path) == (self.size, self.mtime_ns)


class Arrivals:
    """Looks into a folder again and again.

    A file is complete if its size and time have not changed for some seconds between two looks. If it cannot be read
    then, or its header says that more is to come, it is given a minute.

    Parameters
    ----------
    folder : Path
    settle_seconds : float
    clock : callable
        Seconds that only go forward.
    """

    def __init__(self, folder: Path, settle_seconds: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder, self.settle_seconds, self._clock = folder, settle_seconds, clock
        self._seen: dict[Path, tuple[tuple[int, int], float]] = {}
        self.waiting: tuple[str, ...] = ()

    def look(self, is_known: Callable[[Arrival], bool]) -> list[Arrival]:
        """Return the complete recordings that are not known, the oldest first; `waiting` names those that are not yet.

        Raises
        ------
        StridorError
            If the folder is missing or cannot be listed.
        """
        if not self.folder.is_dir():
            raise StridorError(f"{self.folder} is not a folder; give the one that recordings are written to.")
        found, failures = find_recordings([self.folder])
        for failure in failures:
            if "contains no audio" not in failure.reason:
                raise StridorError(failure.reason)
        now, seen, complete, waiting = self._clock(), {}, [], []
        for path in found:
            state = _state(path)
            if state is None:
                continue
            before = self._seen.get(path)
            since = before[1] if before is not None and before[0] == state else now
            seen[path] = (state, since)
            arrival = Arrival(path, os.path.relpath(path, self.folder), *state)
            if is_known(arrival):
                continue
            if self._is_complete(arrival, now - since):
                complete.append(arrival)
            else:
                waiting.append(arrival.name)
        # Forget files that are gone.
        self._seen, self.waiting = seen, tuple(waiting)
        return sorted(complete, key=lambda one: (one.mtime_ns, one.name))

    def _is_complete(self, arrival: Arrival, quiet_seconds: float) -> bool:
        if quiet_seconds < self.settle_seconds:
            return False
        age = time.time() - arrival.mtime_ns / 1e9
        return max(quiet_seconds, age) >= PATIENCE_SECONDS or _seems_finished(arrival.path)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _seems_finished(path: Path) -> bool:
    try:
        with open_sound(path) as recording:
            return not (recording.is_unfinished or recording.is_cut_short)
    except StridorError:
        return False
