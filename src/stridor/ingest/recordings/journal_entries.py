"""Reading the journal of an import: only one that an import wrote here, and only the names that imports change.

A project that was cloned may carry a journal, and undoing it deletes and moves files.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from stridor.common.errors import StridorError
from stridor.common.text import printable

_REPORT = re.compile(r"reports/import_[A-Za-z0-9_-]+\.md")
_MACHINE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Entries:
    """What an import was about to do, relative to the project's root.

    Attributes
    ----------
    moves : tuple of (here, there)
    files : tuple of str
        Files that get a new content, the tracker first.
    """

    moves: tuple[tuple[str, str], ...]
    files: tuple[str, ...]


def mark_of(folder: Path) -> int:
    """Return what tells a folder from what git makes of it: the nanosecond in which it was last changed."""
    return folder.stat().st_mtime_ns


def read_entries(journal: Path, before: Path) -> Entries:
    """Read a journal.

    Parameters
    ----------
    journal : Path
        Lies in the unfinished folder, and that in the project's root.
    before : Path
        The folder of the old contents, whose mark the journal holds.

    Raises
    ------
    StridorError
        If it is not a journal, somebody else's, or names anything but what an import changes.
    """
    try:
        if journal.is_symlink() or before.is_symlink() or journal.parent.is_symlink():
            raise ValueError("it is reached by a link")
        if journal.stat().st_uid != os.getuid():
            raise ValueError("it belongs to another user")
        said = json.loads(journal.read_text(encoding="utf-8"))
        entries = _checked(said, journal.parent)
        if said["mark"] != mark_of(before):
            raise ValueError("it was not written here, but came with a copy of a project")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = printable(error if str(error) else type(error).__name__)
        raise StridorError(
            f"{printable(journal)} is not the journal of an import into this project ({reason}), and nothing of it was "
            f"done; save what you need of {printable(journal.parent)} and of data/, and remove {journal.parent.name}."
        ) from None
    return entries


def _checked(said: Any, beside: Path) -> Entries:
    if not isinstance(said, dict):
        raise ValueError("it does not hold moves and files")
    moves, files = said["moves"], said["files"]
    names = [*files, *(name for move in moves for name in move)]
    if not all(isinstance(name, str) for name in names) or any(len(move) != 2 for move in moves):
        raise ValueError("its names are not texts")
    root = beside.parent
    for name in names:
        if name.startswith("/") or ".." in PurePosixPath(name).parts or "\0" in name:
            raise ValueError(f"it names {name!r}")
        # A link on the way would lead out of the project.
        if not (root / name).parent.resolve().is_relative_to(root.resolve()):
            raise ValueError(f"it names {name!r}, which lies behind a link")
    for name in files:
        if name not in ("data.dvc", "params.yaml") and not _REPORT.fullmatch(name):
            raise ValueError(f"it names {name!r}, which an import does not write")
    for here, there in moves:
        if not _is_move(here, there, beside.name):
            raise ValueError(f"it moves {here!r} to {there!r}, which an import does not do")
    return Entries(tuple((here, there) for here, there in moves), tuple(files))


def _is_move(here: str, there: str, beside: str) -> bool:
    if here == f"{beside}/new" or there == f"{beside}/old/data":
        return (here, there) in ((f"{beside}/new", "data"), ("data", f"{beside}/old/data"))
    machine = there.rpartition("/")[2]
    whole = (f"{beside}/new/{machine}", f"data/{machine}"), (f"data/{machine}", f"{beside}/old/{machine}")
    return bool(_MACHINE.fullmatch(machine)) and (here, there) in whole
