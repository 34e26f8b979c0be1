"""Which study it is, where it is kept, and what becomes of trials whose worker is gone."""

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace

import optuna
import pytest
from optuna.trial import TrialState

from stridor.common.errors import StridorError
from stridor.experiments.tuning import study as study_module
from stridor.experiments.tuning.study import (
    DEFAULT,
    ERROR,
    counted,
    default_trial,
    enqueue_default,
    fail_lost_trials,
    open_study,
    trials_in,
)
from stridor.experiments.tuning.worker_identity import WORKER, worker_id
from tiny_study import spec_of, write_study


@pytest.fixture
def spec(project):
    write_study(project)
    return spec_of()


def suggested(spec, trials=6):
    """Run a study of made-up outcomes, or go on with it; return the values that were suggested."""
    study = open_study(spec)
    enqueue_default(study, spec.space)
    study.optimize(lambda trial: -(spec.space.suggest(trial)["training.learning_rate"]), n_trials=trials)
    return [trial.params for trial in study.get_trials()]


@pytest.mark.slow
def test_the_same_seed_and_one_worker_suggest_the_same_values(spec):
    first, second, other = (
        suggested(replace(spec_of(seed=seed), storage=f"sqlite:///{name}.db"))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == second
    assert first[0] == other[0] == spec.space.defaults()
    assert first[1] != other[1]


def test_an_interrupted_study_suggests_what_it_would_have_suggested(spec):
    whole = suggested(replace(spec, storage="sqlite:///whole.db"))
    suggested(spec, trials=3)
    assert suggested(spec, trials=3) == whole


def test_two_processes_at_the_same_moment_try_the_general_values_once(spec, monkeypatch):
    mine, other = open_study(spec), open_study(spec)

    def look_and_add(*args, **kwargs):
        with monkeypatch.context() as patch:
            patch.setattr(study_module, "worker_id", lambda: "other:1")
            enqueue_default(other, spec.space)
        type(mine).enqueue_trial(mine, *args, **kwargs)

    monkeypatch.setattr(mine, "enqueue_trial", look_and_add)
    enqueue_default(mine, spec.space)
    assert sorted(trial.state.name for trial in mine.get_trials()) == ["FAIL", "WAITING"]


def test_what_decides_a_trial_decides_which_study_it_is(spec):
    assert spec.name.startswith("pump-")
    for change in ({"training.batch_size": 2}, {"tune.objective": "normal_only"}, {"seed": 2}):
        assert spec_of(**change).name != spec.name
    for change in ({"compute.accelerator": "cpu"}, {"evaluation.bootstrap": 200}, {"tune.trials": 3}):
        assert spec_of(**change).name == spec.name
    assert replace(spec, data_md5="1" * 32).name != spec.name


@pytest.mark.parametrize("storage", ["sqlite:////no/such/folder/optuna.db", "nonsense", "unknowndb://host/x"])
def test_a_storage_that_cannot_be_used_is_named(spec, storage):
    with pytest.raises(StridorError, match=r"Optuna's storage .* cannot be used"):
        open_study(replace(spec, storage=storage))


def test_the_general_values_are_tried_once(spec):
    study = open_study(spec)
    enqueue_default(study, spec.space)
    enqueue_default(study, spec.space)
    assert len(study.get_trials()) == 1
    trial = study.ask()
    assert spec.space.suggest(trial) == spec.space.defaults()
    enqueue_default(study, spec.space)
    study.tell(trial, 0.5)
    enqueue_default(study, spec.space)
    assert len(study.get_trials()) == 1
    assert default_trial(study).number == trial.number


def test_an_interrupted_default_is_tried_again(spec):
    study = open_study(spec)
    enqueue_default(study, spec.space)
    study.tell(study.ask(), state=TrialState.FAIL)
    assert default_trial(study) is None
    enqueue_default(study, spec.space)
    assert [trial.state for trial in study.get_trials()] == [TrialState.FAIL, TrialState.WAITING]


def test_only_trials_that_ran_to_an_end_count(spec):
    study = open_study(spec)
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.FAIL)
    for number, state in enumerate(states):
        trial = study.ask()
        if number == 3:
            trial.set_user_attr(ERROR, "The loss is no longer finite.")
        study.tell(trial, 1.0 if state == TrialState.COMPLETE else None, state=state)
    study.ask()
    assert counted(study) == 3


def test_trials_of_dead_processes_fail_and_others_continue(spec):
    study = open_study(spec)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = worker_id().split(":")[0]
    workers = (f"{host}:{dead.pid}", worker_id(), f"another-host:{os.getpid()}")
    for worker in workers:
        study.ask().set_user_attr(WORKER, worker)
    assert [trial.number for trial in fail_lost_trials(study)] == [0]
    states = [trial.state for trial in study.get_trials()]
    assert states == [TrialState.FAIL, TrialState.RUNNING, TrialState.RUNNING]
    assert fail_lost_trials(study) == []


def test_a_trial_whose_process_is_killed_before_it_says_anything_fails(spec):
    open_study(spec)
    program = (
        "import os, signal\n"
        "import optuna\n"
        "from stridor.experiments.tuning.storage import open_storage\n"
        f"study = optuna.load_study(study_name={spec.name!r}, storage=open_storage({spec.storage!r}))\n"
        "study.optimize(lambda trial: os.kill(os.getpid(), signal.SIGKILL), n_trials=1)\n"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == -signal.SIGKILL
    study = open_study(spec)
    assert [trial.state for trial in study.get_trials()] == [TrialState.RUNNING]
    assert [trial.number for trial in fail_lost_trials(study)] == [0]
    assert [trial.state for trial in study.get_trials()] == [TrialState.FAIL]


def test_the_default_is_known_by_its_attribute(spec):
    study = open_study(spec)
    study.add_trial(optuna.trial.create_trial(value=1.0))
    assert default_trial(study) is None
    study.add_trial(optuna.trial.create_trial(value=0.5, user_attrs={DEFAULT: True}))
    assert default_trial(study).value == 0.5


@pytest.mark.parametrize("held", ['{"name": "os.system", "attributes": {}}', "[]", "no JSON", '{"name": "Float"}'])
def test_trials_that_optuna_has_not_written_are_refused_by_the_name_of_the_study(tmp_path, held):
    url = f"sqlite:///{tmp_path}/new.db"
    study = optuna.create_study(storage=url, study_name="pump")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with sqlite3.connect(tmp_path / "new.db") as database:
        database.execute("UPDATE trial_params SET distribution_json = ?", (held,))
    again = optuna.load_study(study_name="pump", storage=url)
    with pytest.raises(StridorError, match="trials of the study 'pump' that cannot be read"):
        trials_in(again, "COMPLETE")
