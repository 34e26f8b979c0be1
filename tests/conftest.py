"""Shared by all tests; being here, it makes `from kit import kit` work."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from forked_python import ForkedPython

# Tiny networks gain nothing from more threads, and threads of tests side by side wait for each other.
# Set before torch is imported, and inherited by the processes that tests start.
os.environ["OMP_NUM_THREADS"] = os.environ.get("STRIDOR_TEST_THREADS", "1")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DVC_NO_ANALYTICS"] = "1"

# Tests are not about the projects, stores and repositories that the shell is at work on: a hook of git names its own.
for name in list(os.environ):
    if name.startswith(("GIT_", "OPTUNA_")) or name in (
        "DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI",
        "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME",
    ):  # fmt: skip
        del os.environ[name]

# A shell has what it runs in the background ignore Ctrl-C, and its children inherit that; tests press it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# So does nohup with the end of the terminal.
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


# They take a minute or more each.
LONGEST = ("test_pipeline.py", "test_run_study_interrupted.py", "test_demo_difficulty.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first, so that no worker is left with one when the others have nothing more to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name not in LONGEST, item.path not in slow))


# What imports torch is imported by the fixtures: the process that only hands tests to its workers does without.


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without experiments, to be copied."""
    from made_once import made_once
    from mlflow_project import make_empty_database
    from stridor.tracking.location import DATABASE

    return made_once(tmp_path_factory, "empty database", make_empty_database) / DATABASE


@pytest.fixture
def project(tmp_path: Path, empty_database: Path) -> Iterator[Path]:
    """The root of a project with an MLflow store, as working directory."""
    from mlflow_project import in_project

    with in_project(tmp_path, empty_database) as root:
        yield root


@pytest.fixture(scope="session")
def evaluated_once(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A project of the pump whose stages up to `evaluate` have run, to be copied."""
    from evaluated_project import make_evaluated
    from made_once import made_once

    return made_once(tmp_path_factory, "evaluated project", lambda folder: make_evaluated(folder, empty_database))


@pytest.fixture
def evaluated(project: Path, evaluated_once: Path) -> Path:
    """The root of a project of the pump whose stages up to `evaluate` have run, as working directory."""
    from evaluated_project import copy_evaluated

    copy_evaluated(evaluated_once, project)
    return project


@pytest.fixture(scope="session")
def forked_python() -> Iterator["ForkedPython"]:
    """A `python` that starts at once, for tests that start many; `replace` has them use it."""
    from forked_python import ForkedPython

    with ForkedPython() as python:
        yield python


@pytest.fixture(scope="module")
def forked(forked_python: "ForkedPython") -> Iterator[None]:
    """Every `python` that the tests of a module start, and those that these start, is forked."""
    with pytest.MonkeyPatch.context() as patch:
        forked_python.replace(patch)
        yield


@pytest.fixture
def blank_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are left blank, also by forked processes; for tests that do not look at them."""
    from matplotlib.figure import Figure

    from forked_python.blank_pictures import VARIABLE, draw_background

    monkeypatch.setattr(Figure, "draw", draw_background)
    monkeypatch.setenv(VARIABLE, "1")


@pytest.fixture(scope="session")
def whole_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `data/` of the demo, as users get it; to be read only."""
    from made_once import made_once
    from stridor.ingest.demo import generate

    return made_once(tmp_path_factory, "demo", lambda folder: generate(folder / "data")) / "data"
