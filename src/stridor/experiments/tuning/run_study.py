"""Run a study: worker processes, progress display, MLflow parent run, report, and applying the best values."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

import click

from stridor.common.compute import THREADS, threads_of_each
from stridor.common.dvc import data_md5
from stridor.common.errors import StridorError
from stridor.common.interrupts import stop_signals_blocked
from stridor.experiments.tuning.progress import Progress
from stridor.experiments.tuning.result import Comparison, compare, halves_of
from stridor.experiments.tuning.space import Space
from stridor.experiments.tuning.storage import storage_shown, storage_url
from stridor.experiments.tuning.study import (
    DEFAULT,
    ERROR,
    RUN_ID,
    StudySpec,
    best_of,
    counted,
    default_trial,
    enqueue_default,
    fail_lost_trials,
    open_study,
    trials_in,
)
from stridor.experiments.tuning.study_report import comparison_table, write_report
from stridor.params import Params, editing, text
from stridor.stages.layout import DATA
from stridor.tracking.describe import DataVersion, code_tags
from stridor.tracking.run import logged_run
from stridor.tracking.runs import end_as, is_running

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

POLL_INTERVAL_S = 0.5
# Time for workers to end their runs after a request to stop; afterwards they are killed.
STOP_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class TuneOptions:
    """Options of the command `stridor tune`.

    Attributes
    ----------
    trials : int
        Number of trials that the study will have at the end; 0 runs none and reports the existing ones.
    jobs : int
        Number of worker processes.
    write : bool
        Write the best values to params.yaml.
    force : bool
        Write them even if the held-back half got worse.
    """

    trials: int
    jobs: int = 1
    write: bool = False
    force: bool = False


def detector_of(machine: str, params: Params) -> str:
    """Return the detector of a machine that does not share its detector.

    Raises
    ------
    StridorError
        If the machine has no detector, or shares its detector with others.
    """
    found = {name: entry.machines for name, entry in params.detectors.items() if machine in entry.machines}
    if not found:
        named = sorted({one for entry in params.detectors.values() for one in entry.machines})
        raise StridorError(f"No detector of params.yaml listens to '{machine}'; its machines are {', '.join(named)}.")
    if len(found) > 1:
        raise StridorError(f"The detectors {', '.join(found)} listen to '{machine}'; choose by --detector.")
    [(detector, machines)] = found.items()
    if len(machines) > 1:
        raise StridorError(
            f"'{machine}' shares the detector '{detector}' with {len(machines) - 1} other machines and cannot be tuned "
            f"alone; use --detector {detector}, or give it a detector of its own in params.yaml."
        )
    return detector


def tune(detector: str, params: Params, options: TuneOptions) -> None:
    """Run a study or continue it, and write its report.

    Raises
    ------
    StridorError
        If parameters, data or stores are invalid, no trial finished, or the values must not be applied.
    """
    version = data_md5(DATA)
    threads = threads_of_each(params.compute.threads, options.jobs)
    spec = StudySpec(detector, Space.of(params, detector), version, storage_url(), threads)
    # First of all, because clips that cannot be split are an error.
    halves = halves_of(spec.space.base) if params.tune.judged_by_labels else None
    study = open_study(spec)
    _fail_lost_trials(study)
    missing = options.trials - counted(study)
    total = f" of {options.trials}" if options.trials else ""
    click.echo(f"Study {spec.name} in {storage_shown(spec.storage)}: {counted(study)}{total} trials done.")
    with _parent_run(study, spec) as (log, spec):
        if missing > 0:
            _run_workers(study, spec, missing, options)
        best = best_of(study)
        if best is None:
            raise StridorError(_no_result_message(study, spec))
        general = default_trial(study)
        comparison = compare(spec, halves, general, best) if halves and general else None
        folder = write_report(study, spec, comparison, log)
    click.echo(f"\nBest: trial {best.number}, {best.value:.4f}. Report: {folder / 'study.md'}")
    if comparison is not None:
        click.echo(f"\n{comparison_table(comparison)}")
    _apply_best(spec, best, comparison, options)


def _apply_best(spec: StudySpec, best: "FrozenTrial", comparison: Comparison | None, options: TuneOptions) -> None:
    """Show what the best values change in params.yaml; write them if requested and not worse on held-back clips."""
    before = text.read_text()
    values = {} if best.user_attrs.get(DEFAULT) else spec.space.values(best)
    after = editing.with_tuned_values(before, spec.detector, spec.space.detector_params(values) if values else {})
    changes = text.diff(before, after)
    if not values:
        click.echo("The general values are the best: nothing of the detector's own is needed in params.yaml.")
    if not changes:
        click.echo("params.yaml has these values already.")
        return
    click.echo(changes)
    if not options.write:
        click.echo(f"To write this: {_how_to_apply(spec)}")
        return
    if comparison is not None and comparison.held_back.difference.value < 0 and not options.force:
        gain = comparison.held_back.difference
        raise StridorError(
            f"The best trial is {-100 * gain.value:.2f} points worse than the general values on the half of the test "
            "clips that the study did not use: its gain was due to chance. params.yaml is unchanged; run more "
            "trials, or use --force."
        )
    text.write_text(after)
    click.echo(f"Written to params.yaml; 'dvc repro' trains {spec.detector} with it.")


def _how_to_apply(spec: StudySpec) -> str:
    machines = spec.space.base.detectors[spec.detector].machines
    if len(machines) == 1:
        return f"make tune-apply MACHINE={machines[0]}"
    return f"stridor tune --detector {spec.detector} --trials 0 --apply"


@contextmanager
def _parent_run(study: "optuna.Study", spec: StudySpec) -> Iterator[tuple]:
    """Open or resume the study's MLflow run, the parent of the runs of its trials."""
    base = spec.space.base
    searched = {
        f"search.{name}": str(choice.model_dump(exclude_none=True)) for name, choice in spec.space.search.items()
    }
    values = searched | {
        "objective": base.tune.objective, "stage_one_epochs": str(base.training.stage_one.epochs),
        "stage_two_epochs": str(base.training.stage_two.epochs), "seed": str(base.seed),
    }  # fmt: skip
    tags = code_tags() | {"detector": spec.detector, "study": spec.name, "storage": storage_shown(spec.storage)}
    data = [DataVersion(DATA.as_posix(), spec.data_md5)]
    resume = study.user_attrs.get(RUN_ID)
    with logged_run(f"tune {spec.detector}", base.tracking.experiment, values, data, tags, resume) as log:
        study.set_user_attr(RUN_ID, log.run_id)
        yield log, replace(spec, parent_run=log.run_id)


def _run_workers(study: "optuna.Study", spec: StudySpec, trials: int, options: TuneOptions) -> None:
    # The children import it themselves; here only its name is needed.
    from stridor.experiments.tuning.worker import work

    enqueue_default(study, spec.space)
    # The children's numerical libraries read it when they are loaded.
    os.environ[THREADS] = str(spec.threads)
    context = get_context("spawn")
    remaining = context.Semaphore(trials)
    workers = [
        context.Process(target=work, args=(spec, i, remaining), name=f"worker {i}")
        for i in range(min(options.jobs, trials))
    ]
    click.echo(
        f"{len(workers)} worker(s) with {spec.threads} thread(s) each; their output is in {spec.folder}/worker_*.log"
    )
    try:
        # While they import torch, they could not end in order; they let requests through as soon as they can.
        with stop_signals_blocked():
            for worker in workers:
                worker.start()
        with Progress(study, options.trials, options.trials - trials) as progress:
            lost: set[str] = set()
            while any(worker.is_alive() for worker in workers):
                time.sleep(POLL_INTERVAL_S)
                _report_lost_workers(study, workers, lost)
                progress.update()
            progress.update()
    finally:
        _stop(workers)
        _fail_lost_trials(study)


def _report_lost_workers(study: "optuna.Study", workers: Sequence[BaseProcess], lost: set[str]) -> None:
    """Mark the trial of a killed worker as failed and print a line; the other workers continue."""
    for worker in workers:
        if worker.exitcode and worker.name not in lost:
            lost.add(worker.name)
            _fail_lost_trials(study)
            click.echo(f"{worker.name} ended with {worker.exitcode}; its trial is lost, the others continue.", err=True)


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


def _fail_lost_trials(study: "optuna.Study") -> None:
    """Mark the trials of killed workers as failed, and end their MLflow runs."""
    fail_lost_trials(study)
    for trial in trials_in(study, "FAIL"):
        run_id = trial.user_attrs.get(RUN_ID)
        if run_id and is_running(run_id):
            end_as(run_id, "KILLED", {"trial_state": "interrupted"})


def _no_result_message(study: "optuna.Study", spec: StudySpec) -> str:
    errors = [trial.user_attrs[ERROR] for trial in study.get_trials(deepcopy=False) if ERROR in trial.user_attrs]
    if errors:
        return f"No trial of the study {spec.name} finished; the first one failed with: {errors[0]}"
    return f"The study {spec.name} has no finished trial; run 'stridor tune --detector {spec.detector}' first."
