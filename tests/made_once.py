"""What takes long to make and is only read: made once in a run of the tests, by whichever worker needs it first."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from stridor.common.atomic import atomic_folder


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that is filled once in a run, whatever the number of its workers.

    Parameters
    ----------
    factory : pytest.TempPathFactory
    name : str
        Name of the folder.
    make : callable
        Fills the folder that it is given. Nothing of it may depend on that folder's path, which is another one later.
    """
    base = factory.getbasetemp()
    # A worker's folder lies in that of its run.
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = run / name
    with FileLock(run / f"{name}.lock"):
        if not folder.exists():
            with atomic_folder(folder) as beside:
                make(beside)
    return folder
