"""The project as the nodes of a cluster fetch it: a commit, what git does not hold of it, and its environment."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stridor.common.atomic import atomic_folder
from stridor.common.dvc import dvc_environment, keep_cache_in, pull
from stridor.common.dvc_locks import drop_stale_locks
from stridor.common.errors import StridorError
from stridor.common.git import bundle, changed_files, clone, commit, is_tracked
from stridor.common.processes import die_with_parent
from stridor.params import Params
from stridor.stages.layout import DATA

LOCK = Path("dvc.lock")
# DVC's settings of this checkout alone, such as the keys of its remote.
LOCAL_SETTINGS = Path(".dvc/config.local")
# What a run writes and git tracks: it may differ from the commit, as nodes write it anew.
WRITTEN = (LOCK.name, "results", "reports")
# Where runs are logged, and where studies are.
VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "OPTUNA_STORAGE")
NODE_FOLDER = "STRIDOR_NODE_FOLDER"
ADVICE = "run 'dvc push' where the clips are"


@dataclass(frozen=True)
class NodeProject:
    """A project at a commit.

    Attributes
    ----------
    commit : str
    bundle : bytes
        The git repository up to the commit.
    files : mapping of str to bytes
        What the stages need and the commit does not hold, by path: what they were last run with, DVC's local settings,
        and a checkpoint that is not in git.
    environment : mapping of str to str
        Variables of all commands.
    """

    commit: str
    bundle: bytes
    files: Mapping[str, bytes]
    environment: Mapping[str, str]

    @classmethod
    def of_this_folder(
        cls, params: Params, environment: Mapping[str, str], stages: Collection[str] = ()
    ) -> "NodeProject":
        """Describe the project in the working directory.

        Parameters
        ----------
        stages : collection of str
            Those that nodes are to run.

        Raises
        ------
        StridorError
            If files that git tracks differ from the commit, which is all that nodes see.
        """
        if changed := changed_files(but=WRITTEN):
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            raise StridorError(
                f"The nodes fetch the project from git, and {', '.join(changed[:3])}{more} differ from the commit; "
                "commit them and run the command again."
            )
        needed = [LOCAL_SETTINGS, *(path for path in map(Path, params.checkpoints) if not is_tracked(path))]
        files = {path.as_posix(): path.read_bytes() for path in needed if path.is_file()}
        files[LOCK.name] = _lock_of(stages)
        own = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
        return cls(commit(), bundle(), files, {**own, **environment})

    def fetch(self, scratch: Path) -> Path:
        """Return a clone of the project with its clips, made by whichever task of the node comes first.

        Parameters
        ----------
        scratch : Path
            The node's own folder. DVC's cache in it serves all commits.

        Raises
        ------
        StridorError
            If the remote does not hold the clips.
        """
        from filelock import FileLock

        root = scratch / self.name
        ready = scratch / f"{self.name}.ready"
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(scratch / f"{self.name}.lock"):
            if not ready.exists():
                shutil.rmtree(root, ignore_errors=True)
                with atomic_folder(root) as beside:
                    clone(self.bundle, self.commit, beside)
                    for name, content in self.files.items():
                        (beside / name).parent.mkdir(parents=True, exist_ok=True)
                        (beside / name).write_bytes(content)
                keep_cache_in(scratch / "cache", root)
                pull(root / DATA, ADVICE)
                ready.touch()
        return root

    @property
    def name(self) -> str:
        """Of its clone: another commit, or other files beside the same, are another one."""
        digest = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            digest.update(f"{name} {len(content)} ".encode() + content)
        return f"{self.commit[:12]}-{digest.hexdigest()[:8]}"

    def run(self, root: Path, *command: str) -> str:
        """Run a Python module of the clone, such as `dvc`, which ends with this process; return what it printed.

        Raises
        ------
        StridorError
            If it failed; what it printed is printed then.
        """
        environment = {**dvc_environment(), "TQDM_DISABLE": "1", **self.environment, "PYTHONPATH": str(root / "src")}
        drop_stale_locks(root)
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=root, env=environment, text=True, errors="replace",
            preexec_fn=partial(die_with_parent, os.getpid()), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if done.returncode:
            print(done.stdout, flush=True)
            raise StridorError(f"'{' '.join(command[:2])}' ended with {done.returncode}: {_reason(done.stdout)}")
        return done.stdout


def node_folder() -> Path:
    """Return the folder of a node, which NODE_FOLDER names, else one below its folder of temporary files."""
    return Path(os.environ.get(NODE_FOLDER) or Path(tempfile.gettempdir()) / f"stridor-node-{os.getuid()}")


def _lock_of(stages: Collection[str]) -> bytes:
    """Return a dvc.lock of some stages only: DVC reads and writes the whole file after each stage."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe")
    lock = yaml.load(LOCK.read_bytes()) if LOCK.exists() else None
    known = (lock or {}).get("stages") or {}
    text = io.BytesIO()
    yaml.dump({"schema": "2.0", "stages": {name: known[name] for name in stages if name in known}}, text)
    return text.getvalue()


def _reason(printed: str) -> str:
    """Return the first line that is marked as an error, or else the last one."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()] or ["it printed nothing"]
    return next((line for line in lines if line.startswith(("stridor:", "ERROR:"))), lines[-1])
