"""Studies that are cut off: a killed worker, Ctrl-C, and the same command again; also two commands on one study."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from mlflow import MlflowClient

from stridor.experiments.tuning.study import DEFAULT
from tiny_study import TUNE, write_study

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_pictures")]

# A limit for what hangs; a busy machine takes minutes.
TIMEOUT_S = 600
# Long enough to be caught in the middle, and never pruned.
LONG = {"pruner": "none", "budget": TUNE["budget"] | {"training.stage_two.epochs": 6}}


@pytest.fixture
def forked(forked_python, monkeypatch):
    """Processes are forked, but for those that get Ctrl-C: their starts would take most of the time."""
    forked_python.replace(monkeypatch)


def start_tune(*options):
    """Start the command in a process group of its own, as a terminal does."""
    call = [sys.executable, "-c", "from stridor.cli.main import main; main()", "tune", "--machine", "pump", *options]
    with open("tune.log", "a") as log:
        return subprocess.Popen(call, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def trials_of():
    """Return the study's trials so far."""
    storage = f"sqlite:///{Path.cwd()}/optuna.db"
    if not Path("optuna.db").exists():
        return []  # looking would make it
    try:
        [name] = optuna.get_all_study_names(storage)
    except Exception:
        return []  # the database is being made
    return optuna.load_study(study_name=name, storage=storage).get_trials(deepcopy=False)


def wait_for(command, happened):
    """Look at the trials until something has happened to them; return them."""
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        trials = trials_of()
        if happened(trials):
            return trials
        assert command.poll() is None, Path("tune.log").read_text()
        time.sleep(0.1)
    raise AssertionError(f"it did not happen: {Path('tune.log').read_text()}")


def training(trials):
    """Return the trials that are in their training."""
    return [trial for trial in trials if trial.state.name == "RUNNING" and "mlflow_run_id" in trial.user_attrs]


def ended(command):
    """Wait for the command's end; return its exit code."""
    try:
        return command.wait(TIMEOUT_S)
    finally:
        if command.poll() is None:
            os.killpg(command.pid, signal.SIGKILL)


def states(trials):
    return sorted(trial.state.name for trial in trials)


def statuses():
    """Return the status of every run by its id."""
    client = MlflowClient()
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    return {run.info.run_id: run.info.status for run in runs}


def test_a_killed_worker_loses_its_trial_alone(project, forked):
    write_study(project, **LONG)
    command = start_tune("--trials", "3", "--jobs", "2")
    victim, _ = training(wait_for(command, lambda trials: len(training(trials)) == 2))
    os.kill(int(victim.user_attrs["worker"].rpartition(":")[2]), signal.SIGKILL)
    assert ended(command) == 0, Path("tune.log").read_text()
    trials = trials_of()
    assert states(trials) == ["COMPLETE"] * 2 + ["FAIL"]
    assert trials[victim.number].state.name == "FAIL"
    assert f"ended with {-signal.SIGKILL}; its trial is lost, the others continue" in Path("tune.log").read_text()
    runs = statuses()
    assert runs.pop(victim.user_attrs["mlflow_run_id"]) == "KILLED"
    assert set(runs.values()) == {"FINISHED"}
    # The lost one was not paid for: the same command makes up for it.
    assert ended(start_tune("--trials", "3", "--jobs", "2")) == 0
    assert states(trials_of()) == ["COMPLETE"] * 3 + ["FAIL"]


def test_control_c_leaves_nothing_running_and_the_study_goes_on(project, forked_python, monkeypatch):
    write_study(project, **LONG)
    command = start_tune("--trials", "3", "--jobs", "2")
    running = training(wait_for(command, lambda trials: len(training(trials)) == 2))
    os.killpg(command.pid, signal.SIGINT)
    assert ended(command) != 0
    assert "Traceback" not in Path("tune.log").read_text()
    assert states(trials_of()) == ["FAIL", "FAIL"]
    runs = statuses()
    assert {runs[trial.user_attrs["mlflow_run_id"]] for trial in running} == {"KILLED"}
    assert "RUNNING" not in runs.values()
    forked_python.replace(monkeypatch)
    assert ended(start_tune("--trials", "1")) == 0
    assert states(trials_of()) == ["COMPLETE"] + ["FAIL"] * 2
    assert "RUNNING" not in statuses().values()


def test_two_commands_on_one_study_never_run_the_same_trial(project, forked):
    write_study(project, pruner="none")
    both = [start_tune("--trials", "2"), start_tune("--trials", "2")]
    assert [ended(command) for command in both] == [0, 0], Path("tune.log").read_text()
    done = [trial for trial in trials_of() if trial.state.name == "COMPLETE"]
    # Each adds what was missing when it was started; if both wished for the general values, one wish is given up.
    assert 2 <= len(done) <= 4
    assert all(DEFAULT in trial.user_attrs for trial in trials_of() if trial not in done)
    assert [trial.user_attrs.get(DEFAULT) for trial in done].count(True) == 1
    assert len({str(trial.params) for trial in done}) == len(done)
    runs = [trial.user_attrs["mlflow_run_id"] for trial in done]
    assert len(set(runs)) == len(runs)
    assert set(statuses().values()) == {"FINISHED"}
