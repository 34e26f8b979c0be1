"""A whole study: worker processes, the display, the MLflow parent run, and what is made of the outcome."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

import click

from stridor.common.compute import THREADS, cores
from stridor.common.dvc import data_md5
from stridor.common.errors import StridorError
from stridor.experiments.tuning.progress import Progress
from stridor.experiments.tuning.report import comparison_table, write_report
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
from stridor.params import Params, apply
from stridor.stages.layout import DATA
from stridor.tracking.describe import DataVersion, code_tags
from stridor.tracking.run import logged_run
from stridor.tracking.runs import end_as, is_running

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

LOOK_S = 0.5
# After a request to stop, workers end their runs; one that hangs is killed.
PATIENCE_S = 60.0


@dataclass(frozen=True)
class TuneOptions:
    """What the user asks of a study.

    Attributes
    ----------
    trials : int
        That the study shall have in the end; 0 runs none and looks at what there is.
    jobs : int
        Worker processes.
    write : bool
        Write the best values to params.yaml.
    force : bool
        Even if the held-back half got worse.
    """

    trials: int
    jobs: int = 1
    write: bool = False
    force: bool = False


def detector_of(machine: str, params: Params) -> str:
    """Return the detector of one machine alone.

    Raises
    ------
    StridorError
        If no detector listens to the machine, or one that listens to others as well.
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
    """Run a study, or go on with it, and report.

    Raises
    ------
    StridorError
        If parameters, data or stores do not allow it, no trial finished, or values may not be applied.
    """
    version = data_md5(DATA)
    threads = max(1, cores() // options.jobs)
    spec = StudySpec(detector, Space.of(params, detector), version, storage_url(), threads)
    # Before anything else is touched: clips that cannot be split end it here.
    halves = halves_of(spec.space.base) if params.tune.judged_by_labels else None
    study = open_study(spec)
    _sweep(study)
    missing = options.trials - counted(study)
    of = f" of {options.trials}" if options.trials else ""
    click.echo(f"Study {spec.name} in {storage_shown(spec.storage)}: {counted(study)}{of} trials done.")
    with _parent_run(study, spec) as (log, spec):
        if missing > 0:
            _run_workers(study, spec, missing, options)
        best = best_of(study)
        if best is None:
            raise StridorError(_why_none(study, spec))
        general = default_trial(study)
        comparison = compare(spec, halves, general, best) if halves and general else None
        place = write_report(study, spec, comparison, log)
    click.echo(f"\nBest: trial {best.number}, {best.value:.4f}. Report: {place / 'study.md'}")
    if comparison is not None:
        click.echo(f"\n{comparison_table(comparison)}")
    _offer(spec, best, comparison, options)


def _offer(spec: StudySpec, best: "FrozenTrial", comparison: Comparison | None, options: TuneOptions) -> None:
    """Show what the best values change in params.yaml, and write them if wished and wise."""
    before = apply.read_text()
    values = {} if best.user_attrs.get(DEFAULT) else spec.space.values(best)
    after = apply.with_entry(before, spec.detector, spec.space.entry(values) if values else {})
    changes = apply.diff(before, after)
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
            "clips that the study did not look at: its gain was luck. params.yaml is unchanged; run more trials, or "
            "insist with --force."
        )
    apply.write_text(after)
    click.echo(f"Written to params.yaml; 'dvc repro' trains {spec.detector} with it.")


def _how_to_apply(spec: StudySpec) -> str:
    machines = spec.space.base.detectors[spec.detector].machines
    if len(machines) == 1:
        return f"make tune-apply MACHINE={machines[0]}"
    return f"stridor tune --detector {spec.detector} --trials 0 --apply"


@contextmanager
def _parent_run(study: "optuna.Study", spec: StudySpec) -> Iterator[tuple]:
    """Open the study's MLflow run, the parent of those of its trials, or go on with it."""
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
    # Imported by the children anew; here only its name is needed.
    from stridor.experiments.tuning.worker import work

    enqueue_default(study, spec.space)
    # The children read it when they load their numerical libraries.
    os.environ[THREADS] = str(spec.threads)
    context = get_context("spawn")
    tickets = context.Semaphore(trials)
    workers = [
        context.Process(target=work, args=(spec, i, tickets), name=f"worker {i}")
        for i in range(min(options.jobs, trials))
    ]
    click.echo(f"{len(workers)} worker(s) with {spec.threads} thread(s) each; their output: {spec.folder}/worker_*.log")
    try:
        for worker in workers:
            worker.start()
        with Progress(study, options.trials, options.trials - trials) as progress:
            gone: set[str] = set()
            while any(worker.is_alive() for worker in workers):
                time.sleep(LOOK_S)
                _notice_losses(study, workers, gone)
                progress.look()
            progress.look()
    finally:
        _stop(workers)
        _sweep(study)


def _notice_losses(study: "optuna.Study", workers: Sequence[BaseProcess], gone: set[str]) -> None:
    """Give up the trial of a worker that was killed, and say so; the others go on."""
    for worker in workers:
        if worker.exitcode and worker.name not in gone:
            gone.add(worker.name)
            _sweep(study)
            click.echo(f"{worker.name} ended with {worker.exitcode}; its trial is lost, the others go on.", err=True)


def _stop(workers: Sequence[BaseProcess]) -> None:
    started = [worker for worker in workers if worker.pid is not None]
    for worker in started:
        if worker.is_alive():
            worker.terminate()
    end = time.monotonic() + PATIENCE_S
    for worker in started:
        worker.join(max(0.1, end - time.monotonic()))
        if worker.is_alive():
            worker.kill()
            worker.join()


def _sweep(study: "optuna.Study") -> None:
    """Give up lost trials, and end the MLflow runs that their workers could not end."""
    fail_lost_trials(study)
    for trial in trials_in(study, "FAIL"):
        run_id = trial.user_attrs.get(RUN_ID)
        if run_id and is_running(run_id):
            end_as(run_id, "KILLED", {"trial_state": "interrupted"})


def _why_none(study: "optuna.Study", spec: StudySpec) -> str:
    errors = [trial.user_attrs[ERROR] for trial in study.get_trials(deepcopy=False) if ERROR in trial.user_attrs]
    if errors:
        return f"No trial of the study {spec.name} finished; the first one says: {errors[0]}"
    return f"The study {spec.name} has no finished trial; run 'stridor tune --detector {spec.detector}' first."
