"""The registered detector as MLflow sees it: it runs this file to load a model, and calls `predict` with recordings."""

import inspect
import io
from collections.abc import Sequence
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, INVALID_STATE, TEMPORARILY_UNAVAILABLE
from mlflow.pyfunc import PythonModel, PythonModelContext

from stridor.common.project import code_md5
from stridor.serving.detector import Detector
from stridor.serving.requests import LONGEST_SECONDS, OutOfTimeError, Row, answer
from stridor.serving.verdict import Verdict
from stridor.tracking.registry import ANSWER_ALL


class DetectorModel(PythonModel):
    """A `Detector` that scores tables of recordings."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load what was registered.

        Parameters
        ----------
        context
            With the artefacts `banks` (a folder per machine) and, where a view needs them, the checkpoints `encoder`,
            `frozen` and `tagger`, and with the model configuration `audio`, `embedding`, `views`, `machines` and
            `device`. Another device may be given at loading:
            `mlflow.pyfunc.load_model(uri, model_config={"device": "cuda"})`.

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
        self.detector = Detector.from_files(context.artifacts, context.model_config)

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict | None = None
    ) -> pd.DataFrame:
        """Score recordings.

        Parameters
        ----------
        model_input : DataFrame
            Column `audio` holds the bytes of one audio file per row, or these in base64; column `machine`, which
            may be left out where the detector listens to one machine only, says what is recorded.
        params : dict, optional
            `answer_all`: answer also where no row can be scored, as a batch job wants it.

        Returns
        -------
        DataFrame, a row for each of the input
            `score` (distance to the nearest normals; of a long recording that of its oddest window), `threshold`,
            `anomalous` (score above it), `nearest` (file name of the nearest normal clip), `machine`, `p_value` (share
            of normal clips that score as high), `worst_second` (where it sounds worst), `window_count`, and
            `error`: None, or what is wrong with this row, whose other values are then missing.

        Raises
        ------
        MlflowException
            If no row can be scored, unless `answer_all` is true; the message names the first. Over HTTP this is status
            400. If it took longer than the client waits, which is status 503.
        """
        try:
            table, errors = answer(model_input, self._score)
        except OutOfTimeError:
            sentence = "The request took too long; send fewer or shorter recordings."
            raise Refusal(sentence, TEMPORARILY_UNAVAILABLE) from None
        if errors and len(errors) == len(table) and not (params or {}).get(ANSWER_ALL):
            others = f" None of the other {len(errors) - 1} rows can be scored either." if len(errors) > 1 else ""
            raise Refusal(errors[0] + others, INVALID_PARAMETER_VALUE)
        return table

    def _score(self, rows: Sequence[Row]) -> list[Verdict]:
        detector = self.detector
        return detector.score_heard([
            detector.heard(io.BytesIO(row.audio), row.machine, row.name, longest_seconds=LONGEST_SECONDS)
            for row in rows
        ])  # fmt: skip


class Refusal(MlflowException):
    """An error that keeps its own sentence: MLflow puts the whole request in front of it, however large that is."""

    def __init__(self, sentence: str, error_code: int) -> None:
        self._sentence = sentence
        super().__init__(sentence, error_code=error_code)

    @property
    def message(self) -> str:
        """The sentence."""
        return self._sentence

    @message.setter
    def message(self, value: str) -> None:
        """Take no other one."""


mlflow.models.set_model(DetectorModel())
