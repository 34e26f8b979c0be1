"""A worker process, which runs trials of a study until there are enough."""

import os
import shutil
import signal
import sys
import warnings
from multiprocessing import parent_process
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import TYPE_CHECKING

from stridor.common.interrupts import stop_signals_as_exceptions, stop_signals_postponed, unblock_stop_signals
from stridor.common.processes import end_with
from stridor.common.text import printable
from stridor.experiments.tuning.storage import storage_errors
from stridor.experiments.tuning.study import StudySpec, best_of, default_trial, open_study

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    import optuna

INTERRUPTED = 130


def work(spec: StudySpec, number: int, remaining: Semaphore, reason: "Connection[str, str]") -> None:
    """Run trials while some remain; their output goes to `worker_<number>.log`.

    Parameters
    ----------
    spec : StudySpec
    number : int
        Of this worker.
    remaining : Semaphore
        Number of remaining trials, as a semaphore, because a killed worker cannot hold a lock on it.
    reason : Connection
        Takes the error that ends this worker; the disk may be full, so that its log does not.
    """
    _print_to(spec, number)
    # Ctrl-C in a terminal reaches all processes, and the study then asks its workers to stop. A second request
    # could interrupt the rollback of a transaction, on whose lock all others would wait.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    unblock_stop_signals()
    if (study := parent_process()) is not None and study.pid is not None:
        end_with([study.pid])
    try:
        with stop_signals_as_exceptions(), storage_errors(spec.storage):
            _run_trials(spec, remaining)
    except (KeyboardInterrupt, SystemExit):
        sys.exit(INTERRUPTED)
    except Exception as error:
        reason.send(printable(str(error)) or type(error).__name__)
        raise


def _run_trials(spec: StudySpec, remaining: Semaphore) -> None:
    import torch

    torch.set_num_threads(spec.threads)
    study = open_study(spec)
    while remaining.acquire(block=False):
        run_one_trial(study, spec)


def run_one_trial(study: "optuna.Study", spec: StudySpec) -> int:
    """Run one trial of a study; return its number."""
    from optuna.exceptions import ExperimentalWarning

    from stridor.experiments.tuning.trial import Objective

    warnings.simplefilter("ignore", category=ExperimentalWarning)
    numbers: list[int] = []

    def after(study: "optuna.Study", trial: "optuna.trial.FrozenTrial") -> None:
        numbers.append(trial.number)
        remove_other_trials(study, spec)

    # Only the stages of a trial may be interrupted, not Optuna's transactions before and after them.
    with stop_signals_postponed():
        study.optimize(Objective(spec), n_trials=1, catch=(Exception,), callbacks=[after])
    return numbers[0]


def remove_other_trials(study: "optuna.Study", spec: StudySpec) -> None:
    """Remove the files of all ended trials but the best one and the one with the general values."""
    # Read before the best trial, so that a trial that ends in between is not removed.
    trials = study.get_trials(deepcopy=False)
    kept = {trial.number for trial in (best_of(study), default_trial(study)) if trial is not None}
    for trial in trials:
        if trial.state.is_finished() and trial.number not in kept:
            shutil.rmtree(spec.layout(trial.number).base, ignore_errors=True)


def last_line(spec: StudySpec, number: int) -> str:
    """Return the last line that a worker printed, which is the message of the error that ended it."""
    log = _log_file(spec, number)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")


def _log_file(spec: StudySpec, number: int) -> Path:
    return spec.folder / f"worker_{number}.log"


def _print_to(spec: StudySpec, number: int) -> None:
    """Redirect stdout and stderr to a file, as progress bars of several workers would overwrite each other."""
    spec.folder.mkdir(parents=True, exist_ok=True)
    log = open(_log_file(spec, number), "a", buffering=1, encoding="utf-8")  # noqa: SIM115
    os.dup2(log.fileno(), sys.stdout.fileno())
    os.dup2(log.fileno(), sys.stderr.fileno())
