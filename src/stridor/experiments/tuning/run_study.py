"""Run a study: worker processes, progress display, MLflow parent run, report, and applying the best values."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from stridor.common.compute import threads_of_each
from stridor.common.dvc import data_md5
from stridor.common.errors import StridorError
from stridor.experiments.tuning.on_cluster import check_shared, run_trials
from stridor.experiments.tuning.result import Comparison, Halves, compare, halves_of
from stridor.experiments.tuning.space import Space
from stridor.experiments.tuning.storage import storage_errors, storage_shown, storage_url
from stridor.experiments.tuning.study import (
    DEFAULT,
    ERROR,
    RUN_ID,
    StudySpec,
    best_of,
    counted,
    default_trial,
    open_study,
)
from stridor.experiments.tuning.study_report import comparison_table, write_report
from stridor.experiments.tuning.workers import end_lost_trials, run_workers
from stridor.params import Params, editing, text
from stridor.stages.layout import DATA
from stridor.tracking.describe import DataVersion, code_tags
from stridor.tracking.run import logged_run

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class TuneOptions:
    """Options of the command `stridor tune`.

    Attributes
    ----------
    trials : int
        Number of trials that the study will have at the end; 0 runs none and reports the existing ones.
    jobs : int
        Number of worker processes.
    ray : str or None
        Address of a Ray cluster whose nodes run the trials.
    write : bool
        Write the best values to params.yaml.
    force : bool
        Write them even if the held-back half got worse.
    """

    trials: int
    jobs: int = 1
    write: bool = False
    force: bool = False
    ray: str | None = None


def detector_of(machine: str, params: Params) -> str:
    """Return the detector of a machine that does not share its detector.

    Raises
    ------
    StridorError
        If the machine has no detector, or shares its detector with others.
    """
    found = {name: entry.machines for name, entry in params.detectors.items() if machine in entry.machines}
    if not found:
        named = sorted(params.machines)
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
    if options.ray is not None:
        check_shared(spec.storage)
    study = open_study(spec)
    with storage_errors(spec.storage):
        _run(study, spec, options, halves)


def _run(study: "optuna.Study", spec: StudySpec, options: TuneOptions, halves: Halves | None) -> None:
    end_lost_trials(study)
    missing = options.trials - counted(study)
    total = f" of {options.trials}" if options.trials else ""
    click.echo(f"Study {spec.name} in {storage_shown(spec.storage)}: {counted(study)}{total} trials done.")
    lost: list[str] = []
    with _parent_run(study, spec) as (log, spec):
        if missing > 0 and options.ray is not None:
            run_trials(options.ray, study, spec, missing)
        elif missing > 0:
            lost = run_workers(study, spec, missing, options.jobs)
        best = best_of(study)
        if best is None:
            raise StridorError(_no_result_message(study, spec, lost))
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


def _no_result_message(study: "optuna.Study", spec: StudySpec, lost: Sequence[str]) -> str:
    errors = [trial.user_attrs[ERROR] for trial in study.get_trials(deepcopy=False) if ERROR in trial.user_attrs]
    if errors or lost:
        errors = [*errors, *lost]
        return f"No trial of the study {spec.name} finished; the first one failed with: {errors[0]}"
    return f"The study {spec.name} has no finished trial; run 'stridor tune --detector {spec.detector}' first."
