"""What an import is about to change, written down first, so that one that was killed can be undone."""

import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stridor.common.atomic import atomic_file, remove_unfinished
from stridor.common.errors import StridorError
from stridor.ingest.recordings.journal_entries import mark_of, read_entries, written_below
from stridor.ingest.recordings.later_changes import check_not_committed, check_nothing_added

_NAME = "journal.json"


@dataclass(frozen=True)
class Journal:
    """The changes of one import, kept in its unfinished folder until they are made for good.

    Attributes
    ----------
    folder : Path
        The unfinished folder; it lies in the project's root, as all paths in the journal do.
    """

    folder: Path

    def open(self, moves: Sequence[tuple[Path, Path]], texts: Mapping[Path, bytes], tracker: Path) -> None:
        """Write down what will happen, before any of it does.

        Parameters
        ----------
        moves : sequence of (here, there)
            Renames in their order; every `here` exists when its turn comes.
        texts : mapping of Path to bytes
            Files that get a new content.
        tracker : Path
            The file that DVC will write.
        """
        root = self.folder.parent
        before = self.folder / "before"
        before.mkdir()
        for number, file in enumerate((tracker, *texts)):
            if file.exists():
                shutil.copyfile(file, before / str(number))
            if file != tracker:
                (before / f"{number}.new").write_bytes(texts[file])
        with atomic_file(self.folder / _NAME) as temporary:
            temporary.write_text(
                json.dumps({
                    "moves": [[_inside(here, root), _inside(there, root)] for here, there in moves],
                    "files": [_inside(file, root) for file in (tracker, *texts)],
                    "written": written_below(self.folder / "new"),
                    "mark": mark_of(before),
                }),
                encoding="utf-8",
            )  # fmt: skip

    def close(self) -> None:
        """Make the changes final."""
        (self.folder / _NAME).unlink()

    @property
    def is_open(self) -> bool:
        """Whether there are changes that are not final."""
        return (self.folder / _NAME).exists()

    def check_undoable(self) -> None:
        """Check that undoing a killed import destroys nothing that was done since.

        Raises
        ------
        StridorError
            If somebody has committed what the import left, or has put something where it would be lost; if the journal
            is not one.
        """
        entries = read_entries(self.folder / _NAME, self.folder / "before")
        check_not_committed(self.folder, entries.files)
        check_nothing_added(self.folder, entries)

    def undo(self) -> None:
        """Take every change back that was made; cut off in the middle, it can be called again.

        Raises
        ------
        StridorError
            If the journal is not one of an import into this folder.
        """
        root, before = self.folder.parent, self.folder / "before"
        entries = read_entries(self.folder / _NAME, before)
        for number, name in enumerate(entries.files):
            file, old, new = root / name, before / str(number), before / f"{number}.new"
            for left in file.parent.glob(f".{file.stem}.unfinished-*{file.suffix}"):
                left.unlink()
            # Somebody may have gone on working after a kill: a text that is not the import's own stays.
            if new.exists() and file.exists() and file.read_bytes() != new.read_bytes():
                continue
            if old.exists():
                _bring_back(old, file)
            else:
                file.unlink(missing_ok=True)
        for here, there in reversed([(root / here, root / there) for here, there in entries.moves]):
            # What a later move put at `here` has been moved back by now, so its absence means: moved.
            if not here.exists() and there.exists():
                there.rename(here)
        self.close()


@contextmanager
def import_lock(root: Path) -> Iterator[None]:
    """Keep a second import out of a project, which would take the first for one that was killed.

    Raises
    ------
    StridorError
        If an import is running; it names the process.
    """
    from filelock import FileLock, Timeout

    lock = root / ".dvc" / "tmp" / "stridor-import.lock"
    holder = lock.with_suffix(".holder")
    lock.parent.mkdir(exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
            try:
                yield
            finally:
                holder.unlink(missing_ok=True)
    except Timeout:
        named = f" ({holder.read_text(encoding='utf-8')})" if holder.exists() else ""
        raise StridorError(f"An import into {root.resolve()}{named} is running; wait until it has ended.") from None


def undo_killed(data: Path) -> bool:
    """Undo the import that was killed before it had ended, if there is one; return whether there was.

    Only for those who hold the lock.
    """
    killed = _journals(data)
    for journal in killed:
        journal.check_undoable()
    for journal in killed:
        journal.undo()
    remove_unfinished(data)
    return bool(killed)


def heal(root: Path) -> None:
    """Undo the import into a project that was killed, if there is one.

    Raises
    ------
    StridorError
        If an import is running.
    """
    data = root / "data"
    if _journals(data):
        with import_lock(root):
            undo_killed(data)


def _journals(data: Path) -> list[Journal]:
    found = [Journal(folder) for folder in sorted(data.parent.glob(f".{data.name}.unfinished-*"))]
    return [journal for journal in found if journal.is_open]


def _bring_back(old: Path, file: Path) -> None:
    """Give a file its old content; where links are possible this takes no space, as the disk may be full."""
    with atomic_file(file) as temporary:
        temporary.unlink()
        try:
            os.link(old, temporary)
        except OSError:
            shutil.copyfile(old, temporary)


def _inside(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
