"""A study small enough for seconds: four test clips a group, two short stages."""

from pathlib import Path

from stridor.experiments.tuning.space import Space
from stridor.experiments.tuning.study import StudySpec
from stridor.params import read_params
from tiny_project import write_project

TUNE = {
    "startup_trials": 2,
    "budget": {"training.stage_two.epochs": 3},
    "search": {
        "training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "augment.snr_low_db": {"low": -15, "high": 5},
        "augment.snr_width_db": {"low": 0, "high": 30},
        "bank.k": {"low": 1, "high": 3},
    },
}


def write_study(root: Path, tests: int = 4, threads: int | str = 1, **tune: object) -> None:
    """Write a project whose params.yaml describes a study.

    Its workers take one thread each, as threads of processes side by side wait for each other at every operation.
    """
    write_project(root, tests=tests, tune=TUNE | tune, compute={"threads": threads})


def spec_of(storage: str = "sqlite:///optuna.db", **values: object) -> StudySpec:
    """Return the study of the pump, with some parameters in place of others."""
    params = read_params().replaced(values)
    return StudySpec("pump", Space.of(params, "pump"), "0" * 32, storage)
