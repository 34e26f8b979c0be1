"""`stridor tune` with four workers, killed at random moments."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from hard.killing import Killed
from hard.projects import make_scene
from stridor.tracking.location import DATABASE
from tiny_study import TUNE, write_study

TRIALS, WORKERS = 5, 4


def finished_trials(root):
    """Return the value of every finished trial by its parameters, and the number of trials that count."""
    with closing(sqlite3.connect(root / "optuna.db")) as database:
        values = dict(database.execute(
            "SELECT trials.trial_id, value FROM trials JOIN trial_values ON trial_values.trial_id = trials.trial_id "
            "WHERE state = 'COMPLETE'"
        ).fetchall())  # fmt: skip
        params: dict[int, list] = {trial: [] for trial in values}
        for trial, *param in database.execute("SELECT trial_id, param_name, param_value FROM trial_params ORDER BY 2"):
            if trial in values:
                params[trial].append(tuple(param))
        [[counted]] = database.execute(
            "SELECT count(*) FROM trials WHERE state IN ('COMPLETE', 'PRUNED') OR state = 'FAIL' AND trial_id IN "
            "(SELECT trial_id FROM trial_user_attributes WHERE key = 'error')"
        )  # fmt: skip
    return {tuple(params[trial]): value for trial, value in values.items()}, counted


def general(root):
    """Return what does not depend on the order in which workers take trials: their number, and the general values."""
    if not (root / "optuna.db").exists():
        return None
    with closing(sqlite3.connect(root / "optuna.db")) as database:
        values = database.execute(
            "SELECT DISTINCT value FROM trials JOIN trial_values ON trial_values.trial_id = trials.trial_id "
            "WHERE state = 'COMPLETE' AND trials.trial_id IN "
            "(SELECT trial_id FROM trial_user_attributes WHERE key = 'default')"
        ).fetchall()  # fmt: skip
    return finished_trials(root)[1], values


@pytest.fixture(scope="module")
def tune(tmp_path_factory, empty_database, forked_python, seed):
    def tune(root):
        shutil.copy(empty_database, DATABASE)
        (root / "mlruns").mkdir()
        write_study(root, **TUNE | {"pruner": "none"})

    arguments = ("-m", "stridor", "tune", "--machine", "pump", "--trials", str(TRIALS), "--jobs", str(WORKERS))
    names = ("mlruns/", "artifacts/.tune/")
    return Killed(make_scene(tmp_path_factory, forked_python, arguments, tune, general, own_names=names), seed)


@pytest.fixture(scope="module")
def values(tune):
    """The value of every trial that was ever finished, by its parameters."""
    return finished_trials(tune.scene.root)[0]


def test_a_killed_study_is_finished_by_the_next_call(tune, values, number):
    when = tune.kill(number)
    tune.call_again()
    tune.check_outcome(when)
    found, counted = finished_trials(tune.scene.root)
    assert counted == TRIALS, when
    assert {params: value for params, value in found.items() if values.setdefault(params, value) != value} == {}
