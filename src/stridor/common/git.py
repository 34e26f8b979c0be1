"""What git has of a file."""

import subprocess
from pathlib import Path


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
