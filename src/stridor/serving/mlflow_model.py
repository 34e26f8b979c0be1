"""The registered detector as MLflow sees it: it runs this file to load a model, and calls `predict` with recordings."""

import inspect
import io
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, INVALID_STATE
from mlflow.pyfunc import PythonModel, PythonModelContext

from stridor.audio.files import read_clip
from stridor.common.errors import StridorError
from stridor.common.project import code_md5
from stridor.serving.detector import Detector


class DetectorModel(PythonModel):
    """A `Detector` that scores tables of recordings."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load what was registered.

        Parameters
        ----------
        context
            With the artefacts `encoder` (a checkpoint) and `banks` (a folder per machine), and with the
            model configuration `audio`, `embedding`, `machines` and `device`. Another device may be given at
            loading: `mlflow.pyfunc.load_model(uri, model_config={"device": "cuda"})`.

        Raises
        ------
        MlflowException
            If this process had imported other code of stridor before: Python imports a package once, so that the code
            which was registered with the model would not be used.
        """
        registered = context.model_config.get("code")
        package = Path(inspect.getfile(Detector)).resolve().parents[1]
        if registered is not None and registered != code_md5(package):
            raise MlflowException(
                f"This process has imported stridor from {package}, which is not the code that the model was "
                "registered with; load it in a process of its own, or by stridor.Detector.load, which uses the code "
                "that is imported.",
                error_code=INVALID_STATE,
            )
        artifacts = context.artifacts
        self.detector = Detector.from_files(
            Path(artifacts["encoder"]), Path(artifacts["banks"]), context.model_config
        )  # fmt: skip

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict | None = None
    ) -> pd.DataFrame:
        """Score recordings.

        Parameters
        ----------
        model_input : DataFrame
            Column `audio` holds the bytes of one audio file per row; column `machine`, which may be left out
            where the detector listens to one machine only, says what is recorded.

        Returns
        -------
        DataFrame, a row for each of the input
            `score` (distance to the nearest normals), `threshold`, `anomalous` (score above it), `nearest`
            (file name of the nearest normal clip) and `machine`.

        Raises
        ------
        MlflowException
            If a recording cannot be scored; the message names its row. Over HTTP this is status 400.
        """
        names = [f"Row {row} of the input" for row in range(len(model_input))]
        given = model_input["machine"].tolist() if "machine" in model_input else [None] * len(names)
        machines = [None if machine is None or pd.isna(machine) else machine for machine in given]
        try:
            waves = [self._read(*pair) for pair in zip(model_input["audio"].tolist(), names, strict=True)]
            verdicts = self.detector.score_waves(waves, machines, names)
        except StridorError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error
        columns = ["score", "threshold", "anomalous", "nearest", "machine"]
        rows = [[getattr(verdict, column) for column in columns] for verdict in verdicts]
        return pd.DataFrame(rows, columns=columns, index=model_input.index)

    def _read(self, recording: bytes | None, name: str) -> np.ndarray:
        if not isinstance(recording, bytes):
            raise StridorError(f"{name} holds no audio; give the bytes of an audio file in the column 'audio'.")
        return read_clip(io.BytesIO(recording), self.detector.audio.channel, name)


mlflow.models.set_model(DetectorModel())
