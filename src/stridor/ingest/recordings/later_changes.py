"""What was done after an import was killed, and would be lost if the import were undone now."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from stridor.common.dvc import is_cached
from stridor.common.errors import StridorError
from stridor.common.git import committed
from stridor.common.text import printable
from stridor.ingest.recordings.journal_entries import Entries


def check_not_committed(folder: Path, files: Sequence[str]) -> None:
    """Check that nobody has committed what a killed import left; to undo that would turn a commit back.

    Parameters
    ----------
    folder : Path
        The unfinished folder of the import; it lies in the project's root.
    files : sequence of str
        As in `Entries`.

    Raises
    ------
    StridorError
        If git has a file as it is now, and it was another before the import.
    """
    root, before = folder.parent, folder / "before"
    for number, name in enumerate(files):
        now, old = _content(root / name), _content(before / str(number))
        if now is not None and now != old and now == committed(name, root):
            raise StridorError(
                f"{name} has been committed since an import was cut off; remove the folder {printable(folder)} to keep "
                "what is there now, or go back before that commit to have the import undone, and try again."
            )


def check_nothing_added(folder: Path, entries: Entries) -> None:
    """Check that data/ holds nothing but what the import put there, and nothing lies where its old state belongs.

    Parameters
    ----------
    folder : Path
        The unfinished folder of the import; it lies in the project's root.

    Raises
    ------
    StridorError
        If a file that was added or changed since would be lost; it names the first.
    """
    root = folder.parent
    vacated: set[Path] = set()
    for here, there in reversed([(root / here, root / there) for here, there in entries.moves]):
        if not there.exists() or there in vacated:
            continue
        brought = folder / "new" in (here, *here.parents)
        if here.exists() and here not in vacated:
            if brought:
                continue  # it has not been moved yet, and what lies there stays
            raise StridorError(
                f"{printable(here)} has been made since an import was cut off, and what was there before is in "
                f"{printable(there)}; move one of them out of the project, and try again."
            )
        vacated.add(there)
        if brought:
            below = here.relative_to(folder / "new")
            for later in _later_files(root, there, below, entries):
                raise StridorError(
                    f"{printable(later)} was added or changed since an import was cut off, and would be lost when that "
                    "is undone; move it out of data/ and try again."
                )


def _later_files(root: Path, there: Path, below: Path, entries: Entries) -> Iterable[Path]:
    """Yield files of a folder that the import brought, which it did not write as they are now."""
    for path in sorted(there.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        state = path.lstat()
        size, changed = entries.written.get((below / path.relative_to(there)).as_posix(), (-1, -1))
        # DVC may have put a link to the same content in the place of a file, and so may the import.
        linked = path.is_symlink() or state.st_nlink > 1
        if size < 0 or (not linked and (state.st_size, state.st_mtime_ns) != (size, changed)):
            # Or a copy of it, which is newer.
            if size == state.st_size and is_cached(path, root):
                continue
            yield path


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
