"""A waiting trial that two workers want at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import optuna
import pytest

from stridor.experiments.tuning.storage import open_storage


def check_taken_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that of two workers, both of which have seen that a trial waits, one takes it."""
    study = optuna.create_study(storage=open_storage(url), study_name="waiting")
    study.enqueue_trial({"x": 0.5})
    workers = [open_storage(url) for _ in range(2)]
    both_have_read = Barrier(2)
    check = optuna.storages.RDBStorage.check_trial_is_updatable

    def slow_check(*args):
        check(*args)
        with suppress(BrokenBarrierError):
            both_have_read.wait(timeout=1)

    monkeypatch.setattr(optuna.storages.RDBStorage, "check_trial_is_updatable", slow_check)
    [trial] = study.trials
    running = optuna.trial.TrialState.RUNNING
    with ThreadPoolExecutor(2) as threads:
        taken = threads.map(lambda worker: worker.set_trial_state_values(trial._trial_id, running), workers)
        assert sorted(taken) == [False, True]
