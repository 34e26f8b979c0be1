"""Reading the journal of an import: only one that an import wrote here, and only the names that imports change.

A project that was cloned may carry a journal, and undoing it deletes and moves files.
"""

import json
import os
import re
from collections.abc import Mapping
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
    written : mapping of str to (bytes, nanosecond)
        The files that the import brought, relative to its folder `new`, with size and time of the last change.
    """

    moves: tuple[tuple[str, str], ...]
    files: tuple[str, ...]
    written: Mapping[str, tuple[int, int]]


def mark_of(folder: Path) -> int:
    """Return what tells a folder from what git makes of it: the nanosecond in which it was last changed."""
    return folder.stat().st_mtime_ns


def written_below(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of the last change of every file below a folder, as `Entries.written`."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            state = path.lstat()
            found[path.relative_to(folder).as_posix()] = (state.st_size, state.st_mtime_ns)
    return found


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
        values = json.loads(journal.read_text(encoding="utf-8"))
        entries = _checked(values, journal.parent)
        if values["mark"] != mark_of(before):
            raise ValueError("it was not written here, but came with a copy of a project")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = printable(error if str(error) else type(error).__name__)
        raise StridorError(
            f"{printable(journal)} is not the journal of an import into this project ({reason}), and nothing of it was "
            f"done; save what you need of {printable(journal.parent)} and of data/, and remove {journal.parent.name}."
        ) from None
    return entries


def _checked(values: Any, folder: Path) -> Entries:
    if not isinstance(values, dict):
        raise ValueError("it does not hold moves and files")
    moves, files = values["moves"], values["files"]
    names = [*files, *(name for move in moves for name in move)]
    if not all(isinstance(name, str) for name in names) or any(len(move) != 2 for move in moves):
        raise ValueError("its names are not strings")
    root = folder.parent
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
        if not _is_move(here, there, folder.name):
            raise ValueError(f"it moves {here!r} to {there!r}, which an import does not do")
    written = {name: (size, changed) for name, (size, changed) in values["written"].items()}
    if not all(isinstance(number, int) for pair in written.values() for number in pair):
        raise ValueError("its sizes and times are not numbers")
    return Entries(tuple((here, there) for here, there in moves), tuple(files), written)


def _is_move(here: str, there: str, folder: str) -> bool:
    if here == f"{folder}/new" or there == f"{folder}/old/data":
        return (here, there) in ((f"{folder}/new", "data"), ("data", f"{folder}/old/data"))
    machine = there.rpartition("/")[2]
    whole = (f"{folder}/new/{machine}", f"data/{machine}"), (f"data/{machine}", f"{folder}/old/{machine}")
    return bool(_MACHINE.fullmatch(machine)) and (here, there) in whole
