"""Audio files scored by a registered detector."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stridor.common.errors import StridorError
from stridor.tracking.location import Store
from stridor.tracking.registry import CHAMPION, model_name, registered_detectors
from stridor.tracking.store import open_store

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel


@dataclass(frozen=True)
class Verdict:
    """What a detector says of a recording.

    Attributes
    ----------
    score : float
        Distance to the nearest normal clips; higher is more anomalous.
    anomalous : bool
        Whether the score lies above the threshold.
    nearest : str
        File name of the nearest normal clip.
    """

    file: Path
    machine: str
    score: float
    threshold: float
    anomalous: bool
    nearest: str

    def text(self) -> str:
        """Return the verdict as a line for people."""
        judgement = "ANOMALOUS" if self.anomalous else "normal"
        return (
            f"{self.file}: {judgement} ({self.machine}), score {self.score:.4g}, threshold "
            f"{self.threshold:.4g}, nearest normal {self.nearest}"
        )


def load_detector(name_or_uri: str) -> "PyFuncModel":
    """Load a detector from the registry.

    Parameters
    ----------
    name_or_uri : str
        A detector's name stands for its champion; an address such as `models:/stridor-valve/3` for itself.

    Raises
    ------
    StridorError
        If there is no such detector or the store fails.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    store = open_store()
    named = ":/" not in name_or_uri
    uri = f"models:/{model_name(name_or_uri)}@{CHAMPION}" if named else name_or_uri
    with store.errors():
        try:
            return mlflow.pyfunc.load_model(uri)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise _unknown(name_or_uri, store) from error


def score_file(detector: "PyFuncModel", file: Path, machine: str | None = None) -> Verdict:
    """Score a recording.

    Parameters
    ----------
    detector : PyFuncModel
        As loaded by `load_detector`.
    file : Path
    machine : str, optional
        Needed where the detector listens to several.

    Raises
    ------
    StridorError
        If the file cannot be read or scored; the message names it.
    """
    import pandas as pd
    from mlflow.exceptions import MlflowException

    try:
        table = pd.DataFrame({"audio": [Path(file).read_bytes()]})
    except OSError as error:
        raise StridorError(f"{file} cannot be read ({error.strerror}); give the path of an audio file.") from None
    if machine is not None:
        table["machine"] = machine
    try:
        row = detector.predict(table).iloc[0]
    except MlflowException as error:
        raise StridorError(error.message.replace("Row 0 of the input", str(file))) from error
    return Verdict(
        Path(file), str(row["machine"]), float(row["score"]), float(row["threshold"]), bool(row["anomalous"]),
        str(row["nearest"]),
    )  # fmt: skip


def _unknown(name_or_uri: str, store: Store) -> StridorError:
    known = registered_detectors()
    advice = f"registered are {', '.join(known)}" if known else "none is registered yet, run 'dvc repro'"
    return StridorError(f"There is no detector '{name_or_uri}' in the MLflow store {store.shown}; {advice}.")
