"""The registered detector: MLflow runs this file to load a model, and calls `predict` with recordings."""

import io
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext

from stridor.audio.files import read_clip
from stridor.common.errors import StridorError
from stridor.models.checkpoint import load_encoder
from stridor.params.sections import AudioParams, EmbeddingParams
from stridor.scoring.embedding import EncoderEmbedder
from stridor.scoring.reference import MachineReference


class DetectorModel(PythonModel):
    """An encoder and the references of the machines it listens to."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load what was registered.

        Parameters
        ----------
        context
            With the artefacts `encoder` (a checkpoint) and `banks` (a folder per machine), and with the
            model configuration `audio`, `embedding`, `machines` and `device`. Another device may be given at
            loading: `mlflow.pyfunc.load_model(uri, model_config={"device": "cuda"})`.
        """
        config = context.model_config
        self._audio = AudioParams(**config["audio"])
        encoder = load_encoder(Path(context.artifacts["encoder"]))
        self._embedder = EncoderEmbedder(encoder, EmbeddingParams(**config["embedding"]), config["device"])
        banks = Path(context.artifacts["banks"])
        self._references = {machine: MachineReference.load(banks / machine) for machine in config["machines"]}

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
        try:
            machines = self._machines(model_input, names)
            embeddings = self._embed(model_input["audio"].tolist(), names)
            scored = [self._verdict(*pair) for pair in zip(embeddings, machines, strict=True)]
        except StridorError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error
        columns = ["score", "threshold", "anomalous", "nearest", "machine"]
        return pd.DataFrame(scored, columns=columns, index=model_input.index)

    def _machines(self, model_input: pd.DataFrame, names: list[str]) -> list[str]:
        known = list(self._references)
        given = model_input["machine"].tolist() if "machine" in model_input else [None] * len(names)
        machines = []
        for machine, name in zip(given, names, strict=True):
            if machine is None or pd.isna(machine):
                if len(known) > 1:
                    raise StridorError(
                        f"{name} names no machine, but this detector listens to several; give one of "
                        f"{', '.join(known)} in the column 'machine'."
                    )
                machine = known[0]
            if machine not in self._references:
                raise StridorError(
                    f"{name} names the machine '{machine}', which this detector has not learnt; it knows "
                    f"{', '.join(known)}."
                )
            machines.append(machine)
        return machines

    def _embed(self, recordings: list[bytes | None], names: list[str]) -> np.ndarray:
        waves = []
        for recording, name in zip(recordings, names, strict=True):
            if not isinstance(recording, bytes):
                raise StridorError(f"{name} holds no audio; give the bytes of an audio file in the column 'audio'.")
            waves.append(read_clip(io.BytesIO(recording), self._audio.channel, name))
        embeddings = self._embedder.embed(waves, names)
        for embedding, name in zip(embeddings, names, strict=True):
            if not np.isfinite(embedding).all():
                raise StridorError(f"{name} has no finite embedding; look for broken samples in it.")
        return embeddings

    def _verdict(self, embedding: np.ndarray, machine: str) -> tuple[float, float, bool, str, str]:
        reference = self._references[machine]
        query = embedding[None]
        score = float(reference.bank.score_samples(query)[0])
        nearest = reference.bank.neighbours(query, 1)[0][0].file_name
        threshold = reference.calibration.threshold
        return score, threshold, bool(reference.calibration.decide([score])[0]), nearest, machine


mlflow.models.set_model(DetectorModel())
