"""What DVC leaves that was killed: entries in its table of locks, of a process that is gone, and half copies."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from stridor.common.atomic import atomic_file

_TABLE = Path(".dvc/tmp/rwlock")
_HALF_COPIES = ".dvc/cache/files/md5/??/.*.tmp"


def drop_stale_locks(root: Path) -> int:
    """Remove the entries of processes that have ended; return their number.

    DVC itself asks only whether a process of that number lives. In a container, and after a reboot, one does. It also
    writes the table in place: killed in the middle, it leaves a part of it, which no later command can read. That is
    removed if no DVC command is at work in the project, and so are the copies that it was making.

    Parameters
    ----------
    root : Path
        The project.
    """
    import fcntl

    table = root / _TABLE
    if not table.is_file():
        return 0
    with open(table.with_name("rwlock.lock"), "a+b") as guard:
        try:
            # As DVC does, which holds it for moments only; whoever changes the table now has its own entry in it.
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 0
        try:
            text, written = table.read_text(encoding="utf-8"), table.stat().st_mtime
            if _was_cut_off(text) and not dvc_works(root):
                table.unlink()
                drop_half_copies(root)
                return 1
            kept, dropped = _living(json.loads(text), written)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # Of a damaged table, DVC's own message says what to do.
            return 0
        if dropped:
            with atomic_file(table) as temporary:
                temporary.write_text(json.dumps(kept), encoding="utf-8")
            drop_half_copies(root)
    return dropped


def drop_half_copies(root: Path) -> None:
    """Remove the copies that DVC was making when it was killed, or the disk was full, unless it is at work."""
    if (half := list(root.glob(_HALF_COPIES))) and not dvc_works(root):
        for left in half:
            left.unlink(missing_ok=True)


def _was_cut_off(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def dvc_works(root: Path) -> bool:
    """Tell whether another process runs DVC in a project."""
    import psutil

    for process in psutil.process_iter():
        with suppress(psutil.Error):
            # As `python /bin/dvc` or `python -m dvc`.
            named = any(Path(word).name == "dvc" for word in process.cmdline()[:3])
            if named and process.pid != os.getpid() and Path(process.cwd()).is_relative_to(root.resolve()):
                return True
    return False


def _living(locks: dict[str, Any], written: float) -> tuple[dict[str, Any], int]:
    kept: dict[str, Any] = {"write": {}, "read": {}}
    dropped = 0
    for path, info in locks.get("write", {}).items():
        if _lives(info, written):
            kept["write"][path] = info
        else:
            dropped += 1
    for path, infos in locks.get("read", {}).items():
        living = [info for info in infos if _lives(info, written)]
        dropped += len(infos) - len(living)
        if living:
            kept["read"][path] = living
    return kept, dropped


def _lives(info: dict[str, Any], written: float) -> bool:
    """Tell whether the process of an entry is the one that made it: older than the table, and called the same."""
    import psutil

    if int(info["pid"]) == os.getpid():
        return True
    try:
        process = psutil.Process(int(info["pid"]))
        command = process.cmdline()
        # Clocks are read to a second or so.
        return process.create_time() <= written + 2 and set(info["cmd"].split()[1:]) <= set(" ".join(command).split())
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
