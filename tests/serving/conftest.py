"""A project with registered detectors."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from mlflow_project import in_project, register_champion, wave, write_detector
from stridor.audio.files import read_clip
from stridor.models.checkpoint import load_encoder
from stridor.params.sections import DetectorParams
from stridor.scoring.embedding import EncoderEmbedder
from stridor.scoring.reference import MachineReference
from tiny import tiny_params


@pytest.fixture(scope="module")
def registered(tmp_path_factory, empty_database):
    """Parameters of a project with a detector for one machine and one for two."""
    with in_project(tmp_path_factory.mktemp("project"), empty_database) as root:
        scoring = {"embedding": {"layer": 1, "pooling": "bands"}, "bank": {"density_neighbours": 1}}
        params = tiny_params(**scoring).model_copy(update={"detectors": {
            "pump": DetectorParams(machines=("pump",)), "plant": DetectorParams(machines=("press", "saw")),
        }})  # fmt: skip
        encoder, banks = write_detector(root, params)
        for detector in params.detectors:
            register_champion(detector, encoder, banks, params.for_detector(detector), None, {"hmean": 0.5})
        yield params


@pytest.fixture(scope="session")
def recording():
    """A function that returns the bytes of a WAV file."""

    def encode(samples=7000, hum_hz=450, rate_hz=16000, channels=1, **options):
        encoded = io.BytesIO()
        one = wave(99, samples, hum_hz)
        sf.write(encoded, np.stack([one, 0.5 * one][:channels], axis=1), rate_hz, format="WAV", **options)
        return encoded.getvalue()

    return encode


@pytest.fixture(scope="session")
def directly():
    """A function that scores recordings as the pipeline does."""

    def score(params, recordings, machine):
        embedder = EncoderEmbedder(load_encoder(Path("encoder.pt")), params.embedding)
        waves = [read_clip(io.BytesIO(one), params.audio.channel) for one in recordings]
        return MachineReference.load(Path("banks") / machine).bank.score_samples(embedder.embed(waves))

    return score
