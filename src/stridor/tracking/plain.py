"""A training that belongs to no detector, such as a distillation, as one MLflow run."""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from stridor.tracking.describe import DataVersion, _git, as_name
from stridor.tracking.runlog import MlflowRun
from stridor.tracking.runs import _agrees, _end
from stridor.tracking.stopping import sigterm_as_exit
from stridor.tracking.store import experiment_id, open_store


@contextmanager
def plain_run(
    name: str, experiment: str, values: Mapping[str, object], data: Sequence[DataVersion], resume: str | None = None
) -> Iterator[MlflowRun]:
    """Log a training as one run, which ends with the block: finished, failed by an error, or killed.

    Parameters
    ----------
    name : str
        Shown in the list of runs.
    experiment : str
    values : mapping of str to object
        The run's parameters.
    data : sequence of DataVersion
        What it learns from.
    resume : str, optional
        Id of the run that an interrupted training had; where the store does not know it, or its parameters
        were others, a new run is started with a warning.

    Raises
    ------
    StridorError
        If the store fails.
    """
    import mlflow

    logging.getLogger("mlflow.system_metrics").setLevel(logging.WARNING)
    store = open_store()
    texts = {as_name(key): str(value) for key, value in values.items()}
    tags = {"mlflow.source.git.commit": commit} if (commit := _git("rev-parse", "HEAD")) else {}
    if resume is not None and not _agrees(store, resume, texts):
        warnings.warn(
            f"The run {resume} of the interrupted training is not in the MLflow store {store.shown}, or had "
            "other parameters; a new run is started.",
            stacklevel=3,
        )
        tags["continues_run"], resume = resume, None
    with sigterm_as_exit():
        with store.errors():
            run = mlflow.start_run(
                run_id=resume,
                experiment_id=None if resume else experiment_id(store, experiment),
                run_name=None if resume else name,
                nested=True,
                tags=tags,
                log_system_metrics=True,
            )
        status = "FAILED"
        try:
            with store.errors():
                missing = {key: text for key, text in texts.items() if key not in run.data.params}
                mlflow.log_params(missing, run_id=run.info.run_id)
                for version in data:
                    mlflow.log_input(version.as_dataset(), context="training")
            yield MlflowRun(store, run.info.run_id)
            status = "FINISHED"
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            status = "KILLED"
            raise
        finally:
            _end(store, run.info.run_id, status)
