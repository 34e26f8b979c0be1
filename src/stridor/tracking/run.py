"""One MLflow run: started or resumed, and always ended."""

import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stridor.common.interrupts import stop_signals_as_exceptions, stop_signals_postponed
from stridor.common.processes import host_mark, is_gone, process_mark
from stridor.tracking.describe import DataVersion, as_metrics
from stridor.tracking.ending import end_open_run, ended_with_block
from stridor.tracking.store import Store, experiment_id, open_store

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow.entities import Run

WEIGHTS_TAG = "weights_md5"
SEPARATION_TAG = "separation_learnt"
# Tells two-stage trainings from autoencoders in a list of runs.
KIND_TAG = "kind"
# Which process works on the run.
PROCESS_TAG = "process"


class RunLog:
    """A log that discards everything, for all processes of a distributed training but the first.

    Attributes
    ----------
    run_id : str or None
        Kept beside checkpoints, so that a killed training continues its run; None where nothing is logged.
    """

    run_id: str | None = None

    def log_epoch(self, step: int, figures: Mapping[str, float]) -> None:
        """Log the figures of one epoch; call it once per epoch, because each call is a transaction."""

    def log_figure(self, figure: "Figure", path: str) -> None:
        """Keep a figure under a name such as `figures/loss.png`."""

    def log_file(self, file: Path, folder: str | None = None) -> None:
        """Keep a file, in a folder of the run's artefacts if given."""

    def log_folder(self, folder: Path, name: str) -> None:
        """Keep all files of a folder under another name."""

    def set_tag(self, key: str, value: str) -> None:
        """Set a tag of the run."""

    def tag_weights(self, md5: str) -> None:
        """Tag the run with the digest of its weights, by which later stages find it."""
        self.set_tag(WEIGHTS_TAG, md5)

    def tag_separation(self, learnt: bool | None) -> None:
        """Tag whether the separation task was learnt; None if no clip was held out to measure it."""
        answers = {True: "yes", False: "no", None: "not checked, no clip held out"}
        self.set_tag(SEPARATION_TAG, answers[learnt])


class MlflowRun(RunLog):
    """A log that writes to a run of an open store."""

    run_id: str

    def __init__(self, store: Store, run_id: str) -> None:
        from mlflow import MlflowClient

        self.run_id = run_id
        self._store, self._client = store, MlflowClient()

    def log_epoch(self, step: int, figures: Mapping[str, float]) -> None:
        import mlflow

        # The store takes the same figures of the same moment once.
        metrics, moment_ms = as_metrics(figures), time.time_ns() // 10**6
        self._store.answered(lambda: mlflow.log_metrics(metrics, step=step, run_id=self.run_id, timestamp=moment_ms))

    def log_figure(self, figure: "Figure", path: str) -> None:
        self._store.answered(lambda: self._client.log_figure(self.run_id, figure, path))

    def log_file(self, file: Path, folder: str | None = None) -> None:
        self._store.answered(lambda: self._client.log_artifact(self.run_id, str(file), folder))

    def log_folder(self, folder: Path, name: str) -> None:
        self._store.answered(lambda: self._client.log_artifacts(self.run_id, str(folder), name))

    def set_tag(self, key: str, value: str) -> None:
        self._store.answered(lambda: self._client.set_tag(self.run_id, key, value))

    def end(self, status: str) -> None:
        """End the run as FINISHED, FAILED or KILLED; one that has ended already gets the new status."""
        self._store.answered(lambda: self._client.set_terminated(self.run_id, status))


@contextmanager
def logged_run(
    name: str,
    experiment: str,
    values: Mapping[str, str],
    data: Sequence[DataVersion],
    tags: Mapping[str, str],
    resume: str | None = None,
    may_change: tuple[str, ...] = (),
) -> Iterator[MlflowRun]:
    """Log the block as a run, which ends with it: finished, failed by an error, or killed.

    SIGTERM inside the block raises SystemExit. A run that is open in this thread, such as that of a tuning
    study, becomes the parent.

    Parameters
    ----------
    values : mapping of str to str
        The run's parameters.
    data : sequence of DataVersion
        What it learns from.
    resume : str, optional
        Id of the run of an interrupted block. If it does not exist or has other parameters, a new run is started,
        with a warning and the tag `continues_run`.
    may_change : tuple of str
        Sections whose parameters may differ when a run is resumed.
    """
    import mlflow

    logging.getLogger("mlflow.system_metrics").setLevel(logging.WARNING)
    store = open_store()
    tags = dict(tags)
    kept = {key: value for key, value in values.items() if key.split(".")[0] not in may_change}
    if resume is not None and not agrees(store, resume, kept):
        warnings.warn(
            f"The run {resume} of the interrupted training is not in the MLflow store {store.shown}, or had "
            "other parameters; a new run is started.",
            stacklevel=4,
        )
        tags["continues_run"], resume = resume, None
    tags[PROCESS_TAG] = process_mark()
    end_lost_runs(store)
    run: Run | None = None

    def end(status: str) -> None:
        if run is not None:
            end_open_run(store, run.info.run_id, status)

    with stop_signals_as_exceptions(), ended_with_block(end):
        # A request to stop in here would leave a run that nobody ends.
        with stop_signals_postponed(), store.errors():
            run = mlflow.start_run(
                run_id=resume,
                experiment_id=None if resume else experiment_id(store, experiment),
                run_name=None if resume else name,
                nested=True,
                tags=tags,
                log_system_metrics=True,
            )
        # A killed run may have been stopped before all of its parameters were written.
        missing = {key: value for key, value in values.items() if key not in run.data.params}
        run_id = run.info.run_id
        store.answered(lambda: mlflow.log_params(missing, run_id=run_id))
        with store.errors():
            for version in data:
                _log_input(version)
        yield MlflowRun(store, run.info.run_id)


def _log_input(version: DataVersion) -> None:
    """Log which version of the data a run used."""
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        mlflow.log_input(version.as_dataset(), context="training")
    except MlflowException as error:
        # Of two runs that start at once, MLflow lets one fail to create the entry that both looked for.
        if "UNIQUE" not in str(error).upper():
            raise
        mlflow.log_input(version.as_dataset(), context="training")


def end_lost_runs(store: Store) -> list[str]:
    """End the runs of all kinds whose process is gone, as KILLED, and return their ids.

    A process of another host, or of another container, is never taken for gone.

    Raises
    ------
    StridorError
        If the store fails.
    """
    from mlflow import MlflowClient

    client = MlflowClient()
    experiments = [experiment.experiment_id for experiment in store.answered(client.search_experiments)]
    if not experiments:
        return []
    running = f"attributes.status = 'RUNNING' and tags.{PROCESS_TAG} LIKE '{host_mark()}:%'"
    found = store.answered(lambda: client.search_runs(experiments, running, max_results=1000))
    lost = [run.info.run_id for run in found if is_gone(run.data.tags[PROCESS_TAG])]
    for run_id in lost:
        store.answered(partial(client.set_terminated, run_id, "KILLED"))
    return lost


def agrees(store: Store, run_id: str, values: Mapping[str, str]) -> bool:
    """Return whether a run exists and none of its parameters contradicts these."""
    run = find_run(store, run_id)
    if run is None:
        return False
    logged = run.data.params
    return run.info.lifecycle_stage == "active" and all(logged.get(k, v) == v for k, v in values.items())


def find_run(store: Store, run_id: str) -> "Run | None":
    """Return a run; None if it does not exist."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    with store.errors():
        try:
            return MlflowClient().get_run(run_id)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
