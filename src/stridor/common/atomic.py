"""Files and folders that appear whole or not at all: written beside their place, then renamed."""

import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")


def unfinished_folder(target: Path) -> Path:
    """Create an empty folder beside `target`, for what will be moved there, and return it.

    Its path starts as `target` does: relative if that is relative. Who may read and write in it follows from the umask
    and the folder around it, as for any new folder.
    """
    return _new_beside(target.parent, f".{target.name}.unfinished-", "", _make_folder)[0]


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target` that replaces `target` when the block ends without an error.

    Parameters
    ----------
    target : Path
        Where the folder shall appear. An older folder there is dropped only after the new one is complete; its mode
        and group are kept.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(target)
    temporary = unfinished_folder(target)
    try:
        # The lock tells others that this folder is not what a killed process has left.
        with _held(temporary):
            yield temporary
            _keep_rights(target, temporary)
            if target.exists():
                _exchange(temporary, target)
            else:
                temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a path beside `target`; the file written there replaces `target` when the block ends well.

    The path keeps the file's extension, which is what most writers choose their format by. The new file has the mode
    and group of the one that it replaces, and a file at a new place what the umask and the folder give.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary, handle = _new_beside(target.parent, f".{target.stem}.unfinished-", target.suffix, _make_file)
    os.close(handle)
    try:
        yield temporary
        _keep_rights(target, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(target: Path) -> None:
    """Remove what a killed run left beside `target`; folders that a process is still writing stay."""
    for left in target.parent.glob(f".{target.name}.unfinished-*"):
        if not left.is_dir():
            left.unlink(missing_ok=True)
        elif not _is_held(left):
            shutil.rmtree(left, ignore_errors=True)


def _new_beside(folder: Path, prefix: str, suffix: str, make: Callable[[Path], Made]) -> tuple[Path, Made]:
    """Make something under a name that is not taken; return its path and what `make` returns."""
    while True:
        path = folder / f"{prefix}{secrets.token_hex(4)}{suffix}"
        with suppress(FileExistsError):
            return path, make(path)


def _make_folder(path: Path) -> None:
    path.mkdir()


def _make_file(path: Path) -> int:
    # Unlike `tempfile`, whose files are their owner's alone.
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)


def _exchange(temporary: Path, target: Path) -> None:
    """Put a folder in the place of another, which is dropped."""
    old = unfinished_folder(target)
    try:
        target.rename(old / target.name)
        try:
            temporary.rename(target)
        except OSError:
            (old / target.name).rename(target)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _keep_rights(target: Path, temporary: Path) -> None:
    """Give what replaces `target` its owner and group, as far as this user may, and its mode."""
    try:
        before = target.stat()
        now = temporary.stat()
    except FileNotFoundError:
        return
    if (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
        try:
            os.chown(temporary, before.st_uid, before.st_gid)
        except PermissionError:
            # A user may give a file to a group of his own, but to no other user.
            with suppress(PermissionError):
                os.chown(temporary, -1, before.st_gid)
    if stat.S_IMODE(temporary.stat().st_mode) != stat.S_IMODE(before.st_mode):
        temporary.chmod(stat.S_IMODE(before.st_mode))


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder, whatever becomes of its name, until the block or the process ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems cannot lock; the folder is then as unprotected as it would be without.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _is_held(folder: Path) -> bool:
    """Tell whether a process is still writing a folder."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False
