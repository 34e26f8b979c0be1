"""Putting checked machines into data/ in one transaction: all of them or none."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from stridor.common.atomic import atomic_file, remove_unfinished, unfinished_folder
from stridor.common.errors import StridorError
from stridor.common.text import printable
from stridor.ingest.recordings.checking import CheckedMachine
from stridor.ingest.recordings.journal import Journal

# Writes a machine's files into a folder of its own.
Fill = Callable[[Path], None]


@contextmanager
def transaction(
    machines: Mapping[str, Fill], data: Path, *, texts: Mapping[Path, bytes], fresh: bool
) -> Iterator[None]:
    """Put machines into `data` for good if the block ends well, and put the old state back if it does not.

    A process that is killed in between leaves a journal, with which `undo_killed` puts the old state back.

    Parameters
    ----------
    machines : mapping of name to Fill
        A machine of the same name that is already there is replaced.
    data : Path
        The project's data/, which need not exist.
    texts : mapping of Path to bytes
        Files of the project that get a new content together with the machines.
    fresh : bool
        `data` holds nothing but these machines afterwards.
    """
    remove_unfinished(data)
    # Beside data/, so that every move is a rename within one file system.
    unfinished = unfinished_folder(data)
    journal = Journal(unfinished)
    try:
        for name, fill in machines.items():
            fill(unfinished / "new" / name)
        (unfinished / "old").mkdir()
        moves = _moves(tuple(machines), data, unfinished, fresh)
        journal.open(moves, texts, data.with_name(f"{data.name}.dvc"))
        try:
            for here, there in moves:
                here.rename(there)
            for file, content in texts.items():
                with atomic_file(file) as whole:
                    whole.write_bytes(content)
            yield
        except BaseException:
            journal.undo()
            raise
        journal.close()
    finally:
        if not journal.is_open:
            shutil.rmtree(unfinished, ignore_errors=True)


def _moves(names: tuple[str, ...], data: Path, unfinished: Path, fresh: bool) -> list[tuple[Path, Path]]:
    new, old = unfinished / "new", unfinished / "old"
    if fresh or not data.exists():
        away = [(data, old / data.name)] if data.exists() else []
        return [*away, (new, data)]
    moves = []
    for name in names:
        if (data / name).exists():
            moves.append((data / name, old / name))
        moves.append((new / name, data / name))
    return moves


def copy_machine(machine: CheckedMachine, folder: Path, *, link: bool) -> None:
    """Copy a machine's files into `folder`, or hard-link them.

    Raises
    ------
    StridorError
        If files cannot be linked.
    """
    for path, name in machine.files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not link:
            shutil.copyfile(path, target)
            continue
        try:
            os.link(path.resolve(), target)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
                raise
            raise StridorError(
                f"{printable(path)} cannot be hard-linked into {folder.name} ({error.strerror}); import without "
                "linking."
            ) from None
    with suppress(OSError):
        folder.chmod(0o755)
