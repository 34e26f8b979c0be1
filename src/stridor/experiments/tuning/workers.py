"""Workers as the study's process sees them: starting them, reporting those that are lost, and stopping them."""

import os
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, NamedTuple

import click

from stridor.common.compute import THREADS
from stridor.common.interrupts import stop_signals_blocked
from stridor.experiments.tuning.progress import Progress
from stridor.experiments.tuning.study import RUN_ID, StudySpec, counted, enqueue_default, fail_lost_trials, trials_in
from stridor.experiments.tuning.worker import last_line, work
from stridor.tracking.runs import end_as, is_running

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    import optuna

POLL_INTERVAL_S = 0.5
# Time for workers to end their runs after a request to stop; afterwards they are killed.
STOP_TIMEOUT_S = 60.0


class Worker(NamedTuple):
    """A process that runs trials, and where it says what ends it."""

    process: BaseProcess
    reason: "Connection[str, str]"


def run_workers(study: "optuna.Study", spec: StudySpec, trials: int, jobs: int) -> list[str]:
    """Run trials in processes of their own until there are enough, and show the progress.

    Returns
    -------
    list of str
        Why workers were lost.
    """
    done = counted(study)
    enqueue_default(study, spec.space)
    # The children's numerical libraries read it when they are loaded.
    os.environ[THREADS] = str(spec.threads)
    context = get_context("spawn")
    remaining = context.Semaphore(trials)
    workers = []
    for number in range(min(jobs, trials)):
        reason, say = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(spec, number, remaining, say), name=f"worker {number}")
        workers.append(Worker(process, reason))
    click.echo(
        f"{len(workers)} worker(s) with {spec.threads} thread(s) each; their output is in {spec.folder}/worker_*.log"
    )
    try:
        # While they import torch, they could not end in order; they let requests through as soon as they can.
        with stop_signals_blocked():
            for worker in workers:
                worker.process.start()
        with Progress(study, done + trials, done) as progress:
            lost: dict[str, str] = {}
            while any(worker.process.is_alive() for worker in workers):
                time.sleep(POLL_INTERVAL_S)
                _report_lost_workers(study, spec, workers, lost)
                progress.update()
            _report_lost_workers(study, spec, workers, lost)
            progress.update()
    finally:
        _stop([worker.process for worker in workers])
        end_lost_trials(study)
    return list(lost.values())


def _report_lost_workers(
    study: "optuna.Study", spec: StudySpec, workers: Sequence[Worker], lost: dict[str, str]
) -> None:
    """Mark the trial of a lost worker as failed and print a line with its error; the other workers continue."""
    for number, (process, said) in enumerate(workers):
        if process.exitcode and process.name not in lost:
            lost[process.name] = reason = _said(said) or last_line(spec, number)
            end_lost_trials(study)
            shown = f" ({reason.rstrip('.')})" if process.exitcode > 0 else ""
            click.echo(
                f"{process.name} ended with {process.exitcode}{shown}; its trial is lost, the others continue.",
                err=True,
            )


def _said(reason: "Connection[str, str]") -> str:
    """Return what a worker that has ended said; nothing if it was killed."""
    try:
        return reason.recv() if reason.poll() else ""
    except EOFError:
        return ""


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
