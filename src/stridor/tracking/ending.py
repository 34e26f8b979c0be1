"""The end of a run: with the block that it logs, and with the status that says how that went."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stridor.tracking.store import Store, brief_retries


@contextmanager
def ended_with_block(end: Callable[[str], object]) -> Iterator[None]:
    """Call `end` at the end of the block with the status of a run: FINISHED, FAILED, or KILLED by a stop request."""
    status = "FAILED"
    try:
        yield
        status = "FINISHED"
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        status = "KILLED"
        raise
    finally:
        end(status)


def end_open_run(store: Store, run_id: str, status: str) -> None:
    """End the open run; if that fails after another error, only warn, so that the first error is reported."""
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        if status == "FINISHED":
            with store.errors():
                mlflow.end_run(status)
        else:
            with brief_retries():
                mlflow.end_run(status)
    except MlflowException as error:
        text = f"The run {run_id} could not be ended as {status}. {store.failure(error)}"
        warnings.warn(text, stacklevel=2)
