"""Files and folders that appear whole or not at all: written beside their place, then renamed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def unfinished_folder(place: Path) -> Path:
    """Create an empty folder beside `place`, for what will be moved there, and return it.

    Its path starts as `place` does: relative if that is relative. Since Python 3.12, `tempfile.mkdtemp` by itself
    returns absolute paths.
    """
    return place.parent / Path(tempfile.mkdtemp(prefix=f".{place.name}.unfinished-", dir=place.parent)).name


@contextmanager
def atomic_folder(place: Path) -> Iterator[Path]:
    """Yield an empty folder beside `place` that replaces `place` when the block ends without an error.

    Parameters
    ----------
    place : Path
        Where the folder shall appear. An older folder there is dropped only after the new one is complete.
    """
    place = Path(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(place)
    beside = unfinished_folder(place)
    beside.chmod(0o755)
    try:
        yield beside
        if place.exists():
            old = unfinished_folder(place)
            place.rename(old / place.name)
            try:
                beside.rename(place)
            except OSError:
                (old / place.name).rename(place)
                raise
            finally:
                shutil.rmtree(old, ignore_errors=True)
        else:
            beside.rename(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def atomic_file(place: Path) -> Iterator[Path]:
    """Yield a path beside `place`; the file written there replaces `place` when the block ends well.

    The path keeps the file's extension, which is what most writers choose their format by.
    """
    place = Path(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{place.stem}.unfinished-"
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=place.suffix, dir=place.parent)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o644)
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)


def remove_unfinished(place: Path) -> None:
    """Remove what a killed run left beside `place`."""
    for left in place.parent.glob(f".{place.name}.unfinished-*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
