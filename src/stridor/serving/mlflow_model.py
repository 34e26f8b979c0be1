"""The registered detector as MLflow sees it: it runs this file to load a model, and calls `predict` with recordings."""

import io
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext

from stridor.common.errors import StridorError
from stridor.serving.detector import Detector
from stridor.serving.listening import Heard


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
        """
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
            `score` (distance to the nearest normals; of a long recording that of its oddest window), `threshold`,
            `anomalous` (score above it), `nearest` (file name of the nearest normal clip), `machine`, `p_value` (share
            of the machine's normal clips that score as high), `worst_second` (where the oddest window begins) and
            `windows` (their number).

        Raises
        ------
        MlflowException
            If a recording cannot be scored; the message names its row. Over HTTP this is status 400.
        """
        names = [f"Row {row} of the input" for row in range(len(model_input))]
        given = model_input["machine"].tolist() if "machine" in model_input else [None] * len(names)
        machines = [None if machine is None or pd.isna(machine) else machine for machine in given]
        try:
            heard = [self._heard(*one) for one in zip(model_input["audio"].tolist(), machines, names, strict=True)]
            verdicts = self.detector.score_heard(heard)
        except StridorError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error
        columns = ["score", "threshold", "anomalous", "nearest", "machine", "p_value", "worst_second"]
        rows = [[getattr(verdict, column) for column in columns] for verdict in verdicts]
        table = pd.DataFrame(rows, columns=columns, index=model_input.index)
        return table.assign(windows=[len(verdict.windows) for verdict in verdicts])

    def _heard(self, recording: bytes | None, machine: str | None, name: str) -> Heard:
        if not isinstance(recording, bytes):
            raise StridorError(f"{name} holds no audio; give the bytes of an audio file in the column 'audio'.")
        return self.detector.heard(io.BytesIO(recording), machine, name)


mlflow.models.set_model(DetectorModel())
