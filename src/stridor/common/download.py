"""Download of one file: a broken transfer goes on where it stopped, and the digest decides whether it is right."""

import re
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path
from threading import Event

import requests

from stridor.common.digests import Algorithm, file_digest
from stridor.common.errors import StridorError
from stridor.common.http import USUAL, StoppableRetry, open_url

# What a broken connection costs at most.
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
    retry: StoppableRetry = USUAL,
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
        Once set, the transfer ends with `CancelledError`; what has arrived is kept.
    retry : StoppableRetry
        How often a server is asked in a row without a single new byte.

    Raises
    ------
    StridorError
        If the file cannot be fetched, or has another digest twice.
    """
    partial = partial_of(place, digest)
    place.parent.mkdir(parents=True, exist_ok=True)
    retry = retry.new(stop=stop or Event())
    left, farthest, was_wrong = retry, _size(partial), False
    while True:
        if _size(partial) > size:
            _drop(partial, moved)
        problem = None
        if _size(partial) < size or not partial.exists():
            problem = _append(url, partial, size, moved, retry)
        if problem is None:
            found = file_digest(partial, algorithm)
            if found == digest:
                break
            _drop(partial, moved)
            problem = f"its {algorithm.upper()} is wrong"
            if was_wrong:
                raise StridorError(
                    f"{url} gives a file with the {algorithm.upper()} {found}, but its record says {digest}; "
                    "something on the way changes it, try another network."
                )
            was_wrong = True
        if _size(partial) > farthest:
            left, farthest = retry, _size(partial)
        left = left.after_broken_body(url, problem)
    partial.replace(place)


def partial_of(place: Path, digest: str) -> Path:
    """Return where the part of a file lies that has arrived; another version of the file has another place."""
    return place.with_name(f"{place.name}.unfinished-{digest[:12]}")


def _append(url: str, partial: Path, size: int, moved: Callable[[int], None], retry: StoppableRetry) -> str | None:
    """Append to a partial file what the server gives; return what is wrong unless it is complete now."""
    have = _size(partial)
    with open_url(url, {"Range": f"bytes={have}-"} if have else {}, retry) as response:
        if response.status_code in (206, 416):
            said = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
            if response.status_code == 416 or not said or int(said[1]) != have:
                _drop(partial, moved)
                return "the server gives another part than the one that is missing"
        elif have:
            # A server without ranges starts again.
            _drop(partial, moved)
            have = 0
        try:
            with partial.open("ab") as file:
                for block in response.iter_content(_BLOCK_BYTES):
                    if retry.stop.is_set():
                        raise CancelledError
                    have += len(block)
                    if have > size:
                        break
                    file.write(block)
                    moved(len(block))
        except requests.RequestException:
            pass  # The connection broke; what has arrived counts.
    if have > size:
        _drop(partial, moved)
        return f"it is longer than the {size} bytes that its record says"
    return None if have == size else f"the connection broke after {have} of {size} bytes"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _drop(partial: Path, moved: Callable[[int], None]) -> None:
    moved(-_size(partial))
    partial.unlink(missing_ok=True)
