"""What git has of a file, and the repository as one file that can be sent."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from stridor.common.errors import StridorError


def committed(name: str | Path, root: Path = Path()) -> bytes | None:
    """Return a file's content in the latest commit; None without git or a commit, or if it is not in there.

    Parameters
    ----------
    name : str or Path
        Relative to `root`.
    root : Path
        A folder of the repository.
    """
    try:
        done = subprocess.run(["git", "-C", str(root), "show", f"HEAD:./{name}"], capture_output=True)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def commit() -> str:
    """Return the latest commit of the repository around the working directory.

    Raises
    ------
    StridorError
        If there is none. So do the functions below.
    """
    return _git("rev-parse", "HEAD").decode().strip()


def changed_files(but: Sequence[str] = ()) -> list[str]:
    """Return the tracked files that differ from the latest commit.

    Parameters
    ----------
    but : sequence of str
        Files and folders that do not count.
    """
    # Names with special characters are not quoted where NUL ends them; of a renamed file both names are listed.
    listed = _git(
        "diff", "--name-only", "--no-renames", "-z", "HEAD", "--", ".", *(f":(exclude){name}" for name in but)
    )
    return [name for name in listed.decode(errors="replace").split("\0") if name]


def is_tracked(file: Path) -> bool:
    """Tell whether git tracks a file."""
    return bool(_git("ls-files", "-z", "--", str(file)))


def bundle() -> bytes:
    """Return the repository up to the latest commit as one file, which `git clone` reads."""
    return _git("bundle", "create", "-q", "-", "HEAD")


def clone(repository: bytes, commit: str, folder: Path) -> None:
    """Make a working copy of a commit in an empty folder.

    Parameters
    ----------
    repository : bytes
        From `bundle`.
    """
    with tempfile.NamedTemporaryFile(suffix=".bundle") as file:
        file.write(repository)
        file.flush()
        _git("clone", "-q", "--no-checkout", file.name, str(folder))
    _git("-C", str(folder), "checkout", "-q", "--detach", commit)


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True)
    except FileNotFoundError:
        raise StridorError("git is not installed; install it and run the command again.") from None
    if done.returncode:
        reason = " ".join(done.stderr.decode(errors="replace").split()).rstrip(".")
        raise StridorError(f"'git {arguments[0]}' failed ({reason}); fix this and run the command again.")
    return done.stdout
