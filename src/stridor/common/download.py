"""Fetching one file over HTTP: what has arrived is kept, a broken line is taken up again, the checksum decides."""

import re
from collections.abc import Callable
from pathlib import Path
from threading import Event

from stridor.common.digests import Algorithm, file_digest
from stridor.common.errors import StridorError
from stridor.common.http import USUAL, Patience, Stopped, Trouble, answer, line_troubles, persist

# What a broken line costs at most.
_BLOCK_BYTES = 2**16
_CONTENT_RANGE = re.compile(r"bytes (\d+)-")


def fetch(
    url: str,
    place: Path,
    *,
    size: int,
    digest: str,
    algorithm: Algorithm = "md5",
    moved: Callable[[int], None] = lambda _: None,
    stop: Event | None = None,
    patience: Patience = USUAL,
) -> None:
    """Fetch a file whose size and digest are known; it appears at `place` whole and right, or not at all.

    What has arrived lies in `partial_of(place, digest)`, also after a kill, and the next call goes on from there if the
    server can (HTTP ranges).

    Parameters
    ----------
    size : int
        In bytes.
    digest : str
        In hexadecimal digits, of the given algorithm.
    moved : callable
        Told by how many bytes the part on disk has grown; less than 0 if it had to be dropped.
    stop : Event
        Once set, the transfer ends with `Stopped`; what has arrived is kept.

    Raises
    ------
    StridorError
        If the file cannot be had, or is another one twice.
    """
    partial = partial_of(place, digest)
    place.parent.mkdir(parents=True, exist_ok=True)
    stop = stop or Event()
    farthest = _size(partial)
    wrong = 0
    named = algorithm.upper()

    def attempt() -> None:
        nonlocal farthest, wrong
        if _size(partial) > size:
            _drop(partial, moved)
        if _size(partial) < size or not partial.exists():
            _take(url, partial, size, moved, stop, patience)
        have = _size(partial)
        progressed, farthest = have > farthest, max(have, farthest)
        if have < size:
            raise Trouble(f"the line broke after {have} of {size} bytes", progressed=progressed)
        found = file_digest(partial, algorithm)
        if found != digest:
            _drop(partial, moved)
            wrong += 1
            if wrong == 2:
                raise StridorError(
                    f"{url} gives a file with the {named} {found}, but its record says {digest}; something on the way "
                    "changes it, try another network."
                )
            raise Trouble(f"its {named} is wrong")

    persist(attempt, url, patience, stop)
    partial.replace(place)


def partial_of(place: Path, digest: str) -> Path:
    """Return where the part of a file lies that has arrived; another version of the file has another place."""
    return place.with_name(f"{place.name}.unfinished-{digest[:12]}")


def _take(url: str, partial: Path, size: int, moved: Callable[[int], None], stop: Event, patience: Patience) -> None:
    """Append to a partial file what the server gives; a line that breaks is no error."""
    have = _size(partial)
    with answer(url, {"Range": f"bytes={have}-"} if have else {}, patience) as response:
        if response.status_code in (206, 416):
            said = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
            if response.status_code == 416 or not said or int(said[1]) != have:
                _drop(partial, moved)
                raise Trouble("the server gives another part than the one that is missing")
        elif have:
            # A server without ranges starts again.
            _drop(partial, moved)
            have = 0
        with partial.open("ab") as file, line_troubles(quiet=True):
            for block in response.iter_content(_BLOCK_BYTES):
                if stop.is_set():
                    raise Stopped
                have += len(block)
                if have > size:
                    break
                file.write(block)
                moved(len(block))
    if have > size:
        _drop(partial, moved)
        raise Trouble(f"it is longer than the {size} bytes that its record says")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _drop(partial: Path, moved: Callable[[int], None]) -> None:
    moved(-_size(partial))
    partial.unlink(missing_ok=True)
