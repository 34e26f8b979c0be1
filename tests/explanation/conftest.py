"""A detector of the demo's slider by the committed encoder, and normal clips that it has not learnt."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from made_once import made_once
from stridor.audio.files import read_clip
from stridor.data.manifest import build_manifest
from stridor.explanation.explain import Explainer
from stridor.ingest.demo.catalogue import CATALOGUE
from stridor.ingest.demo.plan import plan
from stridor.ingest.demo.writing import DEMO_SEED, render
from stridor.params.scoring_sections import BankParams, EmbeddingParams
from stridor.scoring.reference import MachineReference
from stridor.scoring.views import load_embedder
from stridor.serving.detector import Detector

ENCODER = Path(__file__).resolve().parents[2] / "pretrained/beats_mini.pt"
LEARNT, HELD_OUT = 20, 4


def _write(folder):
    slider = next(machine for machine in CATALOGUE if machine.name == "slider")
    clips = [clip for clip in plan(slider, DEMO_SEED) if "source_train" in clip.file_name]
    for number, clip in enumerate(clips[: LEARNT + HELD_OUT]):
        place = folder / ("data/slider/train" if number < LEARNT else "held_out") / clip.file_name
        place.parent.mkdir(parents=True, exist_ok=True)
        sf.write(place, render(slider, clip, DEMO_SEED), 16000)


@pytest.fixture(scope="session")
def slider_clips(tmp_path_factory):
    """A folder with the clips that are learnt, in the layout of data/, and others in held_out/."""
    return made_once(tmp_path_factory, "explained_slider", _write)


@pytest.fixture(scope="session")
def slider(slider_clips):
    """An explainer without a decoder."""
    clips = build_manifest(slider_clips / "data", ("slider",), slider_clips).select("train")
    views = [("log_mel", EmbeddingParams(pooling="mean_std")), ("fine_tuned", EmbeddingParams(pooling="bands"))]
    embedder = load_embedder(views, {"encoder": ENCODER})
    waves = [read_clip(slider_clips / clip.path) for clip in clips]
    reference = MachineReference.fit(embedder.embed(waves), clips, BankParams(), embedder.widths)
    explainer = Explainer(Detector(embedder, {"slider": reference}), "There is no decoder.", slider_clips / "data")
    explainer.learn("slider")
    return explainer


@pytest.fixture(scope="session")
def held_out(slider_clips):
    """Normal clips that the detector has not learnt, float32 [T] each."""
    return [np.asarray(read_clip(path)) for path in sorted((slider_clips / "held_out").iterdir())]
