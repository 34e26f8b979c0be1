"""A committed project with a DVC remote in a folder, which the nodes of a cluster can fetch."""

import shutil
import subprocess
from pathlib import Path

from stridor.common.dvc import dvc_environment, dvc_line, track
from tiny_project import write_params, write_project

ROOT = Path(__file__).resolve().parents[1]


def dvc(*arguments: str) -> str:
    """Run DVC in the working directory; return what it printed."""
    done = subprocess.run(dvc_line(*arguments), capture_output=True, text=True, env=dvc_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def git(*arguments: str) -> None:
    """Run git in the working directory."""
    who = ("-c", "user.name=Jo", "-c", "user.email=jo@example.com")
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


def write_fleet_project(remote: Path, tests: int = 2, **changes: dict) -> None:
    """Write a project of the pump into the working directory, and commit it.

    Parameters
    ----------
    remote : Path
    tests : int
        Clips of each group of test clips.
    changes : dict
        Sections of params.yaml.
    """
    root = Path.cwd()
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, root)
    # The stages depend on the code; a copy could differ from what the interpreter imports.
    (root / "src").symlink_to(ROOT / "src")
    git("init", "-q")
    dvc("init", "-q")
    dvc("remote", "add", "-q", "-d", "store", str(remote))
    write_project(root, "noise", tests)
    write_params(root, **changes)
    # Git does not hold the checkpoint of every project, but nodes need it.
    with open(root / ".gitignore", "a") as ignored:
        ignored.write("\n/tiny.pt\n")
    (root / "data.dvc").unlink()
    track(root / "data")
    git("add", "-A")
    git("commit", "-q", "-m", "Our machines")
