"""One MLflow run per two-stage training: started or continued, found again later, never left running."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stridor.params import ENVIRONMENT_SECTIONS, EVALUATION_SECTIONS, SCORING_SECTIONS, Params
from stridor.tracking.describe import DataVersion, flatten, tags_of
from stridor.tracking.run import KIND_TAG, WEIGHTS_TAG, MlflowRun, RunLog, agrees, find_run, logged_run
from stridor.tracking.store import experiment_id, open_store

__all__ = ["DataVersion", "RunLog", "find_training_run", "log_evaluation", "no_run", "training_run"]

_SCORED_BY = SCORING_SECTIONS + EVALUATION_SECTIONS


@contextmanager
def no_run() -> Iterator[RunLog]:
    """Stand in for `training_run` where nothing is to be logged."""
    yield RunLog()


@contextmanager
def training_run(
    detector: str,
    params: Params,
    data: DataVersion,
    resume: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Iterator[RunLog]:
    """Log a training as one run, which ends with the block: finished, failed by an error, or killed.

    SIGTERM inside the block raises SystemExit. A run that is open in this thread, such as that of a tuning
    study, becomes the parent.

    Parameters
    ----------
    detector : str
    params : Params
        Of the detector, logged flattened: `training.stage_one.epochs`.
    data : DataVersion
    resume : str, optional
        Id of the run that an interrupted training had. Where the store does not know it, or its training
        parameters were others, a new run is started, with a warning and the tag `continues_run`.
    tags : mapping of str to str, optional
        Besides those that every run gets.

    Raises
    ------
    StridorError
        If the store fails.
    """
    with logged_run(
        detector,
        params.tracking.experiment,
        flatten(params),
        [data],
        tags_of(detector, params) | {KIND_TAG: "training"} | dict(tags or {}),
        resume,
        # What may change without a new training neither makes nor breaks the identity of its run.
        _SCORED_BY + ENVIRONMENT_SECTIONS,
    ) as run:
        yield run


def find_training_run(weights_md5: str) -> str | None:
    """Return the id of the latest run that brought forth these weights; None if the store knows none.

    Raises
    ------
    StridorError
        If the store fails.
    """
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
    """Add final measures and figures to a training's run.

    A run's parameters cannot change: where the scoring parameters are others than those of the training run,
    the measures go to a run of their own below it. Without a training run, they do so as well.

    Parameters
    ----------
    run_id : str or None
        As `find_training_run` gives it.
    detector : str
    params : Params
        Of the detector.
    measures : mapping of str to float
    figures : list of Path
        Image files, kept under `figures/`.

    Returns
    -------
    str
        Id of the run that got the measures.

    Raises
    ------
    StridorError
        If the store fails.
    """
    store = open_store()
    if run_id is not None and agrees(store, run_id, _only(flatten(params), _SCORED_BY)):
        _add(MlflowRun(store, run_id), measures, figures)
        return run_id
    with later_run(f"{detector} evaluation", detector, params, parent=run_id) as run:
        _add(run, measures, figures)
    return run.run_id


@contextmanager
def later_run(name: str, detector: str, params: Params, parent: str | None = None) -> Iterator[MlflowRun]:
    """Open a run for what cannot be added to the training's run.

    Parameters
    ----------
    name : str
        Shown in the list of runs.
    detector : str
    params : Params
        Of the detector.
    parent : str, optional
        Id of the run below which it is shown.

    Raises
    ------
    StridorError
        If the store fails.
    """
    import mlflow
    from mlflow import MlflowClient

    store = open_store()
    client = MlflowClient()
    tags = tags_of(detector, params) | ({} if parent is None else {"mlflow.parentRunId": parent})
    with store.errors():
        experiment = experiment_id(store, params.tracking.experiment)
        run_id = client.create_run(experiment, run_name=name, tags=tags).info.run_id
    status = "FAILED"
    run = MlflowRun(store, run_id)
    try:
        with store.errors():
            mlflow.log_params(flatten(params), run_id=run_id)
        yield run
        status = "FINISHED"
    finally:
        run.end(status)


def _add(run: RunLog, measures: Mapping[str, float], figures: list[Path]) -> None:
    run.log_epoch(0, measures)
    for figure in figures:
        run.log_file(figure, "figures")


def _only(values: Mapping[str, str], groups: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name.split(".")[0] in groups}


def reopened(run_id: str) -> MlflowRun:
    """Return the log of a run that is there.

    Raises
    ------
    StridorError
        If the store cannot be reached.
    """
    return MlflowRun(open_store(), run_id)


def end_as(run_id: str, status: str | None, tags: Mapping[str, str]) -> None:
    """Set tags of a run and, if given, the status that it has ended with: FINISHED, FAILED or KILLED.

    Raises
    ------
    StridorError
        If the store fails.
    """
    run = reopened(run_id)
    for key, value in tags.items():
        run.set_tag(key, value)
    if status is not None:
        run.end(status)


def is_running(run_id: str) -> bool:
    """Tell whether the store takes a run for running; one that it does not know is not.

    Raises
    ------
    StridorError
        If the store cannot be reached.
    """
    run = find_run(open_store(), run_id)
    return run is not None and run.info.status == "RUNNING"


AUTOENCODER = "autoencoder"
# What an autoencoder is learnt from; other parameters would only clutter the comparison of runs.
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
    data : DataVersion

    Raises
    ------
    StridorError
        If the store fails.
    """
    values = {
        name: value
        for name, value in flatten(params).items()
        if any(name == kept or name.startswith(f"{kept}.") for kept in _LEARNT_FROM)
    }
    tags = tags_of(detector, params) | {KIND_TAG: AUTOENCODER, "machine": machine}
    with logged_run(f"{machine} {AUTOENCODER}", params.tracking.experiment, values, [data], tags) as run:
        yield run
