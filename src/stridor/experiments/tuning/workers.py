"""Workers as the study's process sees them: starting them, reporting those that are lost, and stopping them."""

import os
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

import click

from stridor.common.compute import THREADS
from stridor.common.interrupts import stop_signals_blocked
from stridor.experiments.tuning.progress import Progress
from stridor.experiments.tuning.study import RUN_ID, StudySpec, counted, enqueue_default, fail_lost_trials, trials_in
from stridor.experiments.tuning.worker import last_line, work
from stridor.tracking.runs import end_as, is_running

if TYPE_CHECKING:
    import optuna

POLL_INTERVAL_S = 0.5
# Time for workers to end their runs after a request to stop; afterwards they are killed.
STOP_TIMEOUT_S = 60.0


def run_workers(study: "optuna.Study", spec: StudySpec, trials: int, jobs: int) -> None:
    """Run trials in processes of their own until there are enough, and show the progress."""
    done = counted(study)
    enqueue_default(study, spec.space)
    # The children's numerical libraries read it when they are loaded.
    os.environ[THREADS] = str(spec.threads)
    context = get_context("spawn")
    remaining = context.Semaphore(trials)
    workers = [
        context.Process(target=work, args=(spec, i, remaining), name=f"worker {i}") for i in range(min(jobs, trials))
    ]
    click.echo(
        f"{len(workers)} worker(s) with {spec.threads} thread(s) each; their output is in {spec.folder}/worker_*.log"
    )
    try:
        # While they import torch, they could not end in order; they let requests through as soon as they can.
        with stop_signals_blocked():
            for worker in workers:
                worker.start()
        with Progress(study, done + trials, done) as progress:
            lost: set[str] = set()
            while any(worker.is_alive() for worker in workers):
                time.sleep(POLL_INTERVAL_S)
                _report_lost_workers(study, spec, workers, lost)
                progress.update()
            progress.update()
    finally:
        _stop(workers)
        end_lost_trials(study)


def _report_lost_workers(
    study: "optuna.Study", spec: StudySpec, workers: Sequence[BaseProcess], lost: set[str]
) -> None:
    """Mark the trial of a lost worker as failed and print a line with its error; the other workers continue."""
    for number, worker in enumerate(workers):
        if worker.exitcode and worker.name not in lost:
            lost.add(worker.name)
            end_lost_trials(study)
            reason = f" ({last_line(spec, number)})" if worker.exitcode > 0 else ""
            click.echo(
                f"{worker.name} ended with {worker.exitcode}{reason}; its trial is lost, the others continue.", err=True
            )


def _stop(workers: Sequence[BaseProcess]) -> None:
    started = [worker for worker in workers if worker.pid is not None]
    for worker in started:
        if worker.is_alive():
            worker.terminate()
    end = time.monotonic() + STOP_TIMEOUT_S
    for worker in started:
        worker.join(max(0.1, end - time.monotonic()))
        if worker.is_alive():
            worker.kill()
            worker.join()


def end_lost_trials(study: "optuna.Study") -> None:
    """Mark the trials of killed workers as failed, and end their MLflow runs."""
    fail_lost_trials(study)
    for trial in trials_in(study, "FAIL"):
        run_id = trial.user_attrs.get(RUN_ID)
        if run_id and is_running(run_id):
            end_as(run_id, "KILLED", {"trial_state": "interrupted"})
