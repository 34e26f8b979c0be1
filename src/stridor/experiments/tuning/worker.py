"""A worker process: trial after trial of one study, until there are enough."""

import os
import shutil
import signal
import sys
import warnings
from multiprocessing.synchronize import Semaphore
from typing import TYPE_CHECKING

from stridor.common.interrupts import sigterm_as_exit, undisturbed
from stridor.experiments.tuning.study import StudySpec, best_of, default_trial, open_study

if TYPE_CHECKING:
    import optuna

INTERRUPTED = 130


def work(spec: StudySpec, number: int, tickets: Semaphore) -> None:
    """Run trials while there are tickets; what they print goes to `worker_<number>.log`.

    A semaphore, because a worker that is killed can hold no lock of it.
    """
    _print_to(spec, number)
    # Ctrl-C in a terminal reaches all processes, and the study then asks its workers to stop: a second request
    # on top of the first could cut short the roll-back of a transaction, whose lock all others would wait for.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with sigterm_as_exit():
            _run_trials(spec, tickets)
    except (KeyboardInterrupt, SystemExit):
        sys.exit(INTERRUPTED)


def _run_trials(spec: StudySpec, tickets: Semaphore) -> None:
    import torch

    from stridor.experiments.tuning.trial import Objective

    torch.set_num_threads(spec.threads)
    warnings.simplefilter("ignore", category=_experimental())
    study = open_study(spec)
    objective = Objective(spec)

    def tidy(study: "optuna.Study", trial: "optuna.trial.FrozenTrial") -> None:
        drop_losers(study, spec)

    while tickets.acquire(block=False):
        # Of a trial only its stages may be cut short, not what Optuna writes before and after them.
        with undisturbed():
            study.optimize(objective, n_trials=1, catch=(Exception,), callbacks=[tidy])


def drop_losers(study: "optuna.Study", spec: StudySpec) -> None:
    """Remove the files of every ended trial but the best one and the one with the general values."""
    # Before the best is asked for: a trial that ends meanwhile must not be taken for a loser.
    trials = study.get_trials(deepcopy=False)
    kept = {trial.number for trial in (best_of(study), default_trial(study)) if trial is not None}
    for trial in trials:
        if trial.state.is_finished() and trial.number not in kept:
            shutil.rmtree(spec.layout(trial.number).base, ignore_errors=True)


def _print_to(spec: StudySpec, number: int) -> None:
    """Send both outputs to a file: bars of several workers would overwrite each other."""
    spec.folder.mkdir(parents=True, exist_ok=True)
    log = open(spec.folder / f"worker_{number}.log", "a", buffering=1, encoding="utf-8")  # noqa: SIM115
    os.dup2(log.fileno(), sys.stdout.fileno())
    os.dup2(log.fileno(), sys.stderr.fileno())


def _experimental() -> type[Warning]:
    from optuna.exceptions import ExperimentalWarning

    return ExperimentalWarning
