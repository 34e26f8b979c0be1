"""Runs of processes that are gone, and requests to stop at the moment in which a run starts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stridor.common.processes import host_mark, process_mark
from stridor.tracking.describe import DataVersion
from stridor.tracking.run import PROCESS_TAG, end_lost_runs, find_run
from stridor.tracking.runs import autoencoder_run, training_run
from stridor.tracking.store import experiment_id, open_store
from tiny import tiny_params

DATA = DataVersion("data", "a" * 32)
KILLED = """
import os, signal
from stridor.tracking.describe import DataVersion
from stridor.tracking.runs import autoencoder_run
from tiny import tiny_params
with autoencoder_run("pump", "pump", tiny_params(), DataVersion("data", "a" * 32)) as log:
    print(log.run_id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
# The request comes in the midst of MLflow's start_run, after the run was created.
STOPPED = """
import os, sys
import mlflow
from mlflow.tracking import MlflowClient
from stridor.tracking.describe import DataVersion
from stridor.tracking.runs import training_run
from tiny import tiny_params
create = MlflowClient.create_run
def created_then_stopped(*arguments, **options):
    run = create(*arguments, **options)
    print(run.info.run_id, flush=True)
    os.kill(os.getpid(), int(sys.argv[1]))
    return run
MlflowClient.create_run = created_then_stopped
with training_run("pump", tiny_params(), DataVersion("data", "a" * 32)) as log:
    print("inside", flush=True)
"""


@pytest.fixture
def forked(forked_python, monkeypatch):
    """Processes are forked."""
    forked_python.replace(monkeypatch)


def python(code, *arguments):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    return subprocess.run([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, env=environment)


def status(run_id):
    return find_run(open_store(), run_id).info.status


@pytest.mark.slow
def test_the_next_start_of_any_kind_ends_the_run_of_a_killed_process(project, forked):
    run_id = python(KILLED).stdout.strip()
    assert status(run_id) == "RUNNING"
    with training_run("pump", tiny_params(), DATA) as log:
        assert status(run_id) == "KILLED"
        # Its own is not taken for lost by another one beside it.
        with autoencoder_run("pump", "pump", tiny_params(), DATA) as other:
            assert status(log.run_id) == "RUNNING"
    assert status(log.run_id) == status(other.run_id) == "FINISHED"


def test_only_what_is_certainly_lost_is_ended(project):
    from mlflow import MlflowClient

    store = open_store()
    client, experiment = MlflowClient(), experiment_id(store, "stridor")
    marks = {
        "RUNNING": [process_mark(), "elsewhere-1:1:x", None],
        "KILLED": [f"{host_mark()}:{2**22 + 1}:x", f"{process_mark()}1"],
    }
    runs = {
        client.create_run(experiment, tags={} if mark is None else {PROCESS_TAG: mark}).info.run_id: expected
        for expected, some in marks.items()
        for mark in some
    }
    assert set(end_lost_runs(store)) == {run_id for run_id, expected in runs.items() if expected == "KILLED"}
    assert {run_id: status(run_id) for run_id in runs} == runs
    assert end_lost_runs(store) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_request_to_stop_while_a_run_starts_leaves_no_empty_or_endless_run(project, forked, number):
    said = python(STOPPED, str(int(number))).stdout.split()
    assert len(said) == 1
    assert status(said[0]) == "KILLED"
