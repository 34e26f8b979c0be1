"""Every call of DVC, and the version of a folder that DVC tracks."""

import getpass
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from stridor.common.digests import file_md5
from stridor.common.dvc_lock_file import repair_lock_files
from stridor.common.dvc_locks import drop_half_copies, drop_stale_locks
from stridor.common.errors import StridorError
from stridor.common.project import check_path

_FORGET_LIST = "from dvc.repo import Repo; Repo().drop_data_index()"
_VERSION = re.compile(r"-?[0-9A-Za-z]+(\.dir)?")


def data_md5(data: Path) -> str:
    """Return the MD5 under which DVC tracks a folder, from the `.dvc` file beside it.

    Raises
    ------
    StridorError
        If the folder is not tracked.
    """
    from ruamel.yaml import YAML, YAMLError

    tracker = _tracker(data)
    try:
        md5 = YAML(typ="safe").load(tracker.read_text(encoding="utf-8"))["outs"][0]["md5"]
    except FileNotFoundError:
        raise StridorError(f"{tracker} is missing; run 'dvc add {data}' so that the clips have a version.") from None
    except (KeyError, IndexError, TypeError, ValueError, RecursionError, YAMLError):
        md5 = None
    # Merge conflicts and other encodings leave a text that is YAML by chance, or is not.
    if not isinstance(md5, str | int) or not _VERSION.fullmatch(str(md5)):
        raise StridorError(
            f"{tracker} does not name a version; run 'dvc add {data}' again, or, if it has an unsolved merge conflict, "
            f"bring it back by 'git checkout {tracker.name}'."
        )
    return str(md5)


def dvc_line(*arguments: str) -> tuple[str, ...]:
    """Return the command line of a DVC command, for the interpreter that runs now."""
    return (sys.executable, "-m", "dvc", *arguments)


def dvc_environment() -> dict[str, str]:
    """Return the environment for DVC, in which stages run with the interpreter that runs now.

    A stage's command is `python -m ...`, and DVC takes the first `python` on the PATH. It also asks for the user's
    name, which a container may not know.
    """
    folder = str(Path(sys.executable).parent)
    before = os.environ.get("PATH", os.defpath)
    own = before.split(os.pathsep)[0] == folder
    environment = os.environ | {"PATH": before if own else f"{folder}{os.pathsep}{before}"}
    try:
        getpass.getuser()
    except (KeyError, OSError):
        environment["LOGNAME"] = f"user{os.getuid()}"
    return environment


def out_of_date(*targets: str, root: Path = Path()) -> set[str]:
    """Return the stages and `.dvc` files that are not up to date.

    Parameters
    ----------
    targets : str
        Files of stages (`dvc.yaml`) or `.dvc` files, relative to `root`.
    root : Path
        The project.

    Raises
    ------
    StridorError
        If DVC cannot tell.
    """
    # Between two stages, a pipeline that runs lets this one wait for a moment.
    said = _call("--wait-for-lock", "status", "--json", *targets, root=root)
    return set(json.loads(said))


def is_tracked(data: Path) -> bool:
    """Tell whether a folder has exactly the content that the `.dvc` file beside it names.

    Raises
    ------
    StridorError
        If DVC cannot tell.
    """
    tracker = _tracker(data)
    return tracker.exists() and not out_of_date(tracker.name, root=data.parent)


def is_cached(file: Path, root: Path) -> bool:
    """Tell whether the project's own cache of DVC holds the content of a file."""
    md5 = file_md5(file)
    return (root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).is_file()


def track(data: Path) -> None:
    """Have DVC take a folder into its cache and write its hash to the `.dvc` file beside it.

    Raises
    ------
    StridorError
        If DVC refuses.
    """
    _call("add", data.name, root=data.parent)


def pull(data: Path, advice: str) -> None:
    """Have DVC fetch the tracked content of a folder from its remote.

    Killed while it lists what is to come, DVC takes that part of the list for the whole from then on. So a pull that
    fails is tried once more without its list.

    Parameters
    ----------
    data : Path
    advice : str
        What to do if it cannot be fetched, for the error.

    Raises
    ------
    StridorError
        If there is no remote, or it does not hold the content.
    """
    try:
        _call("pull", _tracker(data).name, root=data.parent, advice=advice)
    except StridorError:
        forget = (sys.executable, "-c", _FORGET_LIST)
        if subprocess.run(forget, cwd=data.parent, env=dvc_environment(), capture_output=True).returncode:
            raise
        _call("pull", _tracker(data).name, root=data.parent, advice=advice)


def check_remote() -> None:
    """Check that the project has a default remote.

    Raises
    ------
    StridorError
        If it has none.
    """
    listed = _call("config", "--list", root=Path())
    if not any(line.startswith("core.remote=") for line in listed.splitlines()):
        raise StridorError(
            "The project has no DVC remote, by which hosts hand each other clips and results; name one with "
            "'dvc remote add -d store ADDRESS'."
        )


def push(*targets: str) -> None:
    """Have DVC send what stages or `.dvc` files track to the remote.

    Raises
    ------
    StridorError
        If it cannot be sent.
    """
    _call("push", *targets, root=Path())


def keep_cache_in(folder: Path, root: Path) -> None:
    """Have one checkout of a project keep DVC's cache in a folder of its own and link files to it, not copy them.

    Raises
    ------
    StridorError
        If DVC refuses.
    """
    _call("config", "--local", "cache.dir", str(folder.resolve()), root=root)
    _call("config", "--local", "cache.type", "reflink,hardlink,symlink,copy", root=root)


def _tracker(data: Path) -> Path:
    return data.with_name(f"{data.name}.dvc")


def _call(*arguments: str, root: Path, advice: str = "fix this and run the command again") -> str:
    """Run DVC in a project and return its standard output; a failure is an error with DVC's own reason."""
    check_path(root)
    drop_stale_locks(root)
    command, environment = dvc_line(*arguments), dvc_environment()

    def call() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, errors="replace")

    done = call()
    # Reading the files takes seconds; where one is cut off, DVC names it.
    if done.returncode and "dvc.lock" in done.stderr and repair_lock_files(root):
        done = call()
    if done.returncode:
        drop_half_copies(root)
        named = " ".join(argument for argument in arguments if not argument.startswith("--"))
        raise StridorError(f"'dvc {named}' failed ({_reason(done.stderr)}); {advice}.")
    return done.stdout


def _reason(stderr: str) -> str:
    """Return the paragraph of DVC's error, or the first one if none is marked as such, in one line."""
    lines = stderr.strip().splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("ERROR:")), 0)
    paragraph = []
    for line in lines[start:]:
        if not line.strip():
            break
        if not line.startswith("<http"):
            paragraph.append(line.strip())
    return " ".join(paragraph).removeprefix("ERROR:").strip().rstrip(".") or "it gave no reason"
