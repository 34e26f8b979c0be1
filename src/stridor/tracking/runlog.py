"""What a training tells of itself while it runs, to MLflow or to nobody."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stridor.tracking.describe import as_metrics
from stridor.tracking.store import Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WEIGHTS_TAG = "weights_md5"
SEPARATION_TAG = "separation_learnt"
# Tells two-stage trainings from autoencoders in a list of runs.
KIND_TAG = "kind"


class RunLog:
    """Takes everything and keeps nothing, as in all processes of a distributed training but the first.

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
        """Tie the run to the weights it brought forth, so that it is found even if their stage is cached."""
        self.set_tag(WEIGHTS_TAG, md5)

    def tag_separation(self, learnt: bool | None) -> None:
        """Say whether the auxiliary task has been learnt; None where no clip was held out to tell."""
        answers = {True: "yes", False: "no", None: "not checked, no clip held out"}
        self.set_tag(SEPARATION_TAG, answers[learnt])


class MlflowRun(RunLog):
    """Writes to a run of an open store.

    Every method raises StridorError if the store fails.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        from mlflow import MlflowClient

        self.run_id = run_id
        self._store, self._client = store, MlflowClient()

    def log_epoch(self, step: int, figures: Mapping[str, float]) -> None:
        """Log the figures of one epoch."""
        import mlflow

        with self._store.errors():
            mlflow.log_metrics(as_metrics(figures), step=step, run_id=self.run_id)

    def log_figure(self, figure: "Figure", path: str) -> None:
        """Keep a figure."""
        with self._store.errors():
            self._client.log_figure(self.run_id, figure, path)

    def log_file(self, file: Path, folder: str | None = None) -> None:
        """Keep a file."""
        with self._store.errors():
            self._client.log_artifact(self.run_id, str(file), folder)

    def log_folder(self, folder: Path, name: str) -> None:
        """Keep a folder."""
        with self._store.errors():
            self._client.log_artifacts(self.run_id, str(folder), name)

    def set_tag(self, key: str, value: str) -> None:
        """Set a tag."""
        with self._store.errors():
            self._client.set_tag(self.run_id, key, value)

    def end(self, status: str) -> None:
        """End the run as FINISHED, FAILED or KILLED; one that has ended already gets the new status."""
        with self._store.errors():
            self._client.set_terminated(self.run_id, status)
