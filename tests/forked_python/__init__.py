"""A `python` that starts at once: each call is a fork of one process that has imported torch, MLflow and DVC.

A fresh interpreter spends seconds on these imports, and a pipeline starts dozens of them. Three parts take its place:

- the *server* (`server.py`), started by `ForkedPython`, imports once and then forks a *job* for each call;
- the *client* (`client.py`), the command `python`, hands its arguments, folder, environment and open files to the
  server, passes signals on, and ends as the job ends: with its exit code, or by the signal that ended it;
- the *job* runs a module (`-m`) or code (`-c`) as a fresh interpreter would, and whatever it changes ends with it.
  Calls with other options go to the true interpreter.

What differs: modules are imported already, so a missing import can go unnoticed, and variables that libraries or the
interpreter read when they start (`OMP_NUM_THREADS`, `PYTHONUTF8`) are those of the server; folders of `PYTHONPATH` are
added to its own. Tests of such things take the true interpreter.
"""

import multiprocessing.resource_tracker
import multiprocessing.spawn
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

# What stages, studies and DVC import, at once or when they run.
MODULES = (
    "stridor.stages.augment", "stridor.stages.autoencoder", "stridor.stages.evaluate", "stridor.stages.index",
    "stridor.stages.register", "stridor.stages.summary", "stridor.stages.train", "stridor.cli.main",
    "stridor.experiments.tuning.run_study", "stridor.experiments.tuning.trial", "stridor.experiments.tuning.worker",
    "dvc.cli", "dvc.commands.repro", "dvc.repo", "matplotlib.figure", "matplotlib.backends.backend_agg",
    "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store", "optuna.storages",
)  # fmt: skip
_HERE = Path(__file__).resolve().parent


class ForkedPython:
    """A server and a command `python` that it serves; both are gone after the `with` block.

    The server also ends when this process is killed. Jobs that still run are killed with it.

    Parameters
    ----------
    modules : sequence of str
        What the server imports.

    Attributes
    ----------
    executable : Path
        The command.
    """

    def __init__(self, modules: Sequence[str] = MODULES) -> None:
        self.modules = modules

    def __enter__(self) -> "ForkedPython":
        # Not below pytest's folders: the address of a socket may have about a hundred characters.
        folder = Path(tempfile.mkdtemp(prefix="python-"))
        self.executable = folder / "python"
        client = shlex.join([sys.executable, "-IS", f"{_HERE / 'client.py'}", f"{folder / 'socket'}"])
        self.executable.write_text(f'#!/bin/sh\nexec {client} "$@"\n')
        self.executable.chmod(0o755)
        # In a session of its own: Ctrl-C in a terminal reaches the jobs once, through the clients.
        self._server = subprocess.Popen(
            [sys.executable, _HERE / "server.py", folder, *self.modules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == b"listening\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()  # closes its standard input, at whose end it ends

    def jobs(self) -> list[int]:
        """Return the processes of the jobs that run."""
        server = self._server.pid
        return [int(job) for job in Path(f"/proc/{server}/task/{server}/children").read_text().split()]

    def replace(self, patch: pytest.MonkeyPatch) -> None:
        """Take the place of the interpreter wherever this process, or a shell that it starts, would start one."""
        # It stays until this process ends, longer than the server.
        multiprocessing.resource_tracker.ensure_running()
        patch.setattr(sys, "executable", str(self.executable))
        patch.setattr(multiprocessing.spawn, "_python_exe", os.fsencode(self.executable))
        patch.setenv("PATH", f"{self.executable.parent}{os.pathsep}{os.environ['PATH']}")
