"""`stridor repro` with two detectors beside each other, and the stage `register`, killed at random moments."""

import sqlite3
from contextlib import closing

import pytest
from ruamel.yaml import YAML

from hard.killing import Killed, content
from hard.projects import call, lean, make_scene, pipeline_project

MACHINES = ("pump", "press")


def results(root):
    """Return everything that a pipeline leaves, and how often a model was registered and a training finished."""
    with closing(sqlite3.connect(root / "mlflow.db")) as database:
        counts = {
            "versions": database.execute("SELECT name, version FROM model_versions ORDER BY 1").fetchall(),
            "champions": database.execute("SELECT name, alias, version FROM registered_model_aliases ORDER BY 1")
            .fetchall(),
            "trainings": database.execute(
                "SELECT count(*) FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid "
                "WHERE runs.status = 'FINISHED' AND tags.key = 'kind' AND tags.value = 'training'"
            ).fetchall(),
        }  # fmt: skip
    lock = root / "dvc.lock"
    # Detectors beside each other are written there in the order in which they end.
    counts["dvc.lock"] = YAML(typ="safe").load(lock.read_text())["stages"] if lock.exists() else {}
    return content(root, "artifacts", "results", "reports", "params.yaml", "data", "data.dvc") | counts


@pytest.fixture(scope="module")
def repro(tmp_path_factory, empty_database, forked_python, seed):
    def repro(root):
        pipeline_project(forked_python, empty_database, MACHINES, **lean())

    arguments = ("-m", "stridor", "repro", "--jobs", "2")
    return Killed(make_scene(tmp_path_factory, forked_python, arguments, repro, results), seed)


def test_a_killed_pipeline_is_finished_by_the_next_call(repro, number):
    repro.check(number)


@pytest.fixture(scope="module")
def register(tmp_path_factory, empty_database, forked_python, seed):
    def register(root):
        pipeline_project(forked_python, empty_database, MACHINES[:1], **lean())
        call(forked_python, "-m", "dvc", "repro", "evaluate@pump")

    arguments, again = ("-m", "dvc", "repro", "--single-item", "register@pump"), ("-m", "stridor", "repro")
    return Killed(make_scene(tmp_path_factory, forked_python, arguments, register, results, again=again), seed)


def test_a_killed_registration_is_finished_by_the_next_call(register, number):
    register.check(number)
