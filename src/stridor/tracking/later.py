"""A run for what comes after a training and cannot be added to its run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from stridor.common.interrupts import stop_signals_as_exceptions, stop_signals_postponed
from stridor.common.processes import process_mark
from stridor.tracking.ending import ended_with_block
from stridor.tracking.run import PROCESS_TAG, MlflowRun, end_lost_runs
from stridor.tracking.store import experiment_id, open_store


@contextmanager
def later_run(
    name: str, values: Mapping[str, str], tags: Mapping[str, str], experiment: str, parent: str | None = None
) -> Iterator[MlflowRun]:
    """Open a run for what cannot be added to the training's run.

    Parameters
    ----------
    name : str
        Shown in the list of runs.
    values : mapping of str to str
        The run's parameters.
    tags : mapping of str to str
    experiment : str
        The experiment's name.
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
    own = dict(tags) | {PROCESS_TAG: process_mark()}
    own |= {} if parent is None else {"mlflow.parentRunId": parent}
    end_lost_runs(store)
    with store.errors():
        place = experiment_id(store, experiment)
    run: MlflowRun | None = None

    def end(status: str) -> None:
        if run is not None:
            run.end(status)

    with stop_signals_as_exceptions(), ended_with_block(end):
        with stop_signals_postponed(), store.errors():
            run = MlflowRun(store, client.create_run(place, run_name=name, tags=own).info.run_id)
        run_id = run.run_id
        store.answered(lambda: mlflow.log_params(dict(values), run_id=run_id))
        yield run
