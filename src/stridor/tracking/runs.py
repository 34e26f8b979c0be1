"""The MLflow runs of trainings, evaluations and autoencoders."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stridor.params import ENVIRONMENT_SECTIONS, EVALUATION_SECTIONS, SCORING_SECTIONS, Params
from stridor.tracking.describe import DataVersion, flatten, tags_of
from stridor.tracking.later import later_run
from stridor.tracking.run import KIND_TAG, WEIGHTS_TAG, MlflowRun, RunLog, agrees, find_run, logged_run
from stridor.tracking.store import open_store

__all__ = ["DataVersion", "RunLog", "find_training_run", "log_evaluation", "no_run", "training_run"]

_SCORED_BY = SCORING_SECTIONS + EVALUATION_SECTIONS


@contextmanager
def no_run() -> Iterator[RunLog]:
    """Replace `training_run` where nothing is logged."""
    yield RunLog()


@contextmanager
def training_run(
    detector: str, params: Params, data: DataVersion, resume: str | None = None, tags: Mapping[str, str] | None = None
) -> Iterator[RunLog]:
    """Log a training as one run, which ends with the block: finished, failed by an error, or killed.

    SIGTERM inside the block raises SystemExit. A run that is open in this thread, such as that of a tuning
    study, becomes the parent.

    Parameters
    ----------
    params : Params
        Of the detector, logged flattened: `training.stage_one.epochs`.
    resume : str, optional
        Id of the run of an interrupted training. If it does not exist or has other training parameters, a new run is
        started, with a warning and the tag `continues_run`.
    tags : mapping of str to str, optional
        In addition to those of every run.
    """
    with logged_run(
        detector,
        params.tracking.experiment,
        flatten(params),
        [data],
        tags_of(detector, params) | {KIND_TAG: "training"} | dict(tags or {}),
        resume,
        # Parameters that do not affect the training may change when it is resumed.
        _SCORED_BY + ENVIRONMENT_SECTIONS,
    ) as run:
        yield run


def find_training_run(weights_md5: str) -> str | None:
    """Return the id of the latest run that produced these weights, or None."""
    from mlflow import MlflowClient

    store = open_store()
    client = MlflowClient()
    with store.errors():
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        found = client.search_runs(
            experiments, f"tags.{WEIGHTS_TAG} = '{weights_md5}'", max_results=1, order_by=["start_time DESC"]
        )
    return found[0].info.run_id if found else None


def log_evaluation(
    run_id: str | None, detector: str, params: Params, measures: Mapping[str, float], figures: list[Path]
) -> str:
    """Add final measures and figures to a training's run; return the id of the run that got them.

    A run's parameters cannot change. If the scoring parameters differ from those of the training run, or there is no
    training run, the measures go to a new run, a child of the training run if there is one.

    Parameters
    ----------
    run_id : str or None
        As `find_training_run` gives it.
    params : Params
        Of the detector.
    figures : list of Path
        Image files, kept under `figures/`.
    """
    store = open_store()
    if run_id is not None and agrees(store, run_id, _only(flatten(params), _SCORED_BY)):
        _add(MlflowRun(store, run_id), measures, figures)
        return run_id
    values, tags, experiment = flatten(params), tags_of(detector, params), params.tracking.experiment
    with later_run(f"{detector} evaluation", values, tags, experiment, parent=run_id) as run:
        _add(run, measures, figures)
    return run.run_id


def _add(run: RunLog, measures: Mapping[str, float], figures: list[Path]) -> None:
    run.log_epoch(0, measures)
    for figure in figures:
        run.log_file(figure, "figures")


def _only(values: Mapping[str, str], groups: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name.split(".")[0] in groups}


def reopened(run_id: str) -> MlflowRun:
    """Return the log of an existing run."""
    return MlflowRun(open_store(), run_id)


def end_as(run_id: str, status: str | None, tags: Mapping[str, str]) -> None:
    """Set tags of a run and, if given, its final status: FINISHED, FAILED or KILLED."""
    run = reopened(run_id)
    for key, value in tags.items():
        run.set_tag(key, value)
    if status is not None:
        run.end(status)


def is_running(run_id: str) -> bool:
    """Return whether a run exists and has the status RUNNING."""
    run = find_run(open_store(), run_id)
    return run is not None and run.info.status == "RUNNING"


AUTOENCODER = "autoencoder"
# What the training of an autoencoder depends on; other parameters would only clutter the comparison of runs.
_LEARNT_FROM = (
    "seed", "audio", "autoencoder", "detector.machines", "bank.threshold_percentile", "bank.false_alarm_rate",
)  # fmt: skip


@contextmanager
def autoencoder_run(detector: str, machine: str, params: Params, data: DataVersion) -> Iterator[RunLog]:
    """Log the training of a machine's autoencoder as one run, which ends with the block.

    Parameters
    ----------
    detector, machine : str
        The run is called after the machine, `fan autoencoder`.
    params : Params
        Of the detector.
    """
    values = {
        name: value
        for name, value in flatten(params).items()
        if any(name == kept or name.startswith(f"{kept}.") for kept in _LEARNT_FROM)
    }
    tags = tags_of(detector, params) | {KIND_TAG: AUTOENCODER, "machine": machine}
    with logged_run(f"{machine} {AUTOENCODER}", params.tracking.experiment, values, [data], tags) as run:
        yield run
