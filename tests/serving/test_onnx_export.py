"""A detector written for ONNX Runtime gives the embeddings and scores that it gives itself, for any length."""

import json
import subprocess
import sys

import numpy as np
import pytest

from stridor.audio.files import read_clip
from stridor.common.errors import StridorError
from stridor.models.beats import random_beats
from stridor.models.config import BeatsConfig
from stridor.models.log_mel import LogMelPatches
from stridor.models.mn04 import Mn04
from stridor.models.side import SideTuned
from stridor.params.scoring_sections import EmbeddingParams
from stridor.scoring.embedding import EncoderEmbedder, LogMelEmbedder
from stridor.scoring.joined import load_bank
from stridor.scoring.views import ViewsEmbedder
from stridor.serving.detector import Detector
from stridor.serving.onnx_export import INPUT, MODEL, export_detector, write_graph
from tiny import CONFIG, moved_side_blocks

onnxruntime = pytest.importorskip("onnxruntime", reason="stridor[onnx] is not installed")
POOLINGS = ("mean", "gem", "rdp", "rdp_gem", "bands", "mean_std", "quantiles", "patches")


def run(path, wave):
    session = onnxruntime.InferenceSession(path)
    [embedding] = session.run(None, {INPUT: wave[None].astype(np.float32)})
    return embedding


@pytest.mark.slow
@pytest.mark.parametrize(("norm_first", "poolings"), [(False, POOLINGS), (True, ("mean",))])
def test_embeddings_of_any_length_equal_those_of_torch(tmp_path, norm_first, poolings):
    config = BeatsConfig.from_cfg(CONFIG.to_cfg() | {"layer_norm_first": norm_first})
    encoder, spectrum = random_beats(config, seed=0).eval(), LogMelPatches(frames=1)
    side, tagger = moved_side_blocks(), Mn04().with_random_weights(0).eval()
    views = [
        *((side, EmbeddingParams(layer=layer, pooling="bands")) for layer in (1, 2)),
        *((encoder, EmbeddingParams(pooling=pooling)) for pooling in poolings),
        (encoder, EmbeddingParams(layer=0)),
        *((spectrum, EmbeddingParams(pooling=pooling)) for pooling in poolings),
        *((tagger, EmbeddingParams(pooling=pooling)) for pooling in ("mean", "bands")),
    ]
    embedder = ViewsEmbedder(views)
    write_graph(embedder, tmp_path / MODEL)
    generator = np.random.default_rng(0)
    for samples in (2800, 7000, 33333):
        wave = 0.1 * generator.standard_normal(samples)
        np.testing.assert_allclose(run(tmp_path / MODEL, wave), embedder.embed([wave]), atol=1e-4, rtol=1e-4)


def test_lower_precision_is_refused(tmp_path):
    embedder = EncoderEmbedder(random_beats(CONFIG, seed=0), EmbeddingParams(precision="bfloat16"))
    with pytest.raises(StridorError, match=r"computes in bfloat16.*set embedding\.precision to float32"):
        write_graph(embedder, tmp_path / MODEL)
    assert not (tmp_path / MODEL).exists()


@pytest.mark.slow
def test_a_registered_detector_scores_the_same(registered, recording, tmp_path):
    detector = Detector.load("plant")
    export_detector(detector, tmp_path / "plant")
    description = json.loads((tmp_path / "plant/detector.json").read_text())
    assert description["machines"] == ["press", "saw"]
    (tmp_path / "clip.wav").write_bytes(recording())
    embedding = run(tmp_path / "plant" / MODEL, read_clip(tmp_path / "clip.wav"))
    assert description["width"] == embedding.shape[1]
    for machine in detector.machines:
        [score] = load_bank(tmp_path / "plant/banks" / machine).score_samples(embedding)
        assert score == pytest.approx(detector.score(tmp_path / "clip.wav", machine).score, abs=1e-4)


# As in docs/operator.md.
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from pathlib import Path
import onnxruntime, soundfile
from stridor.scoring.joined import load_bank
session = onnxruntime.InferenceSession("plant/embedder.onnx")
wave, rate = soundfile.read("clip.wav", dtype="float32")
[embedding] = session.run(None, {"wave": wave[None]})
print(load_bank(Path("plant/banks/saw")).score_samples(embedding)[0])
"""


@pytest.mark.slow
def test_scoring_needs_no_torch(registered, recording, tmp_path):
    detector = Detector.load("plant")
    export_detector(detector, tmp_path / "plant")
    (tmp_path / "clip.wav").write_bytes(recording())
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(detector.score(tmp_path / "clip.wav", "saw").score, abs=1e-4)


def test_what_cannot_be_written(registered, tmp_path, monkeypatch):
    with pytest.raises(StridorError, match="There is no ONNX form of this detector"):
        write_graph(LogMelEmbedder(), tmp_path / MODEL)

    class Other(LogMelPatches):
        family = "other"

    monkeypatch.setattr("stridor.serving.onnx_export.LogMelPatches", SideTuned)
    with pytest.raises(StridorError, match="There is no ONNX form of the encoder family 'other'; BEATs, log_mel, mn04"):
        write_graph(EncoderEmbedder(Other()), tmp_path / MODEL)
    assert not (tmp_path / MODEL).exists()
    (tmp_path / "there").mkdir()
    with pytest.raises(StridorError, match="there exists already"):
        export_detector(Detector.load("pump"), tmp_path / "there")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(StridorError, match=r"pip install 'stridor\[onnx\]'"):
        export_detector(Detector.load("pump"), tmp_path / "new")
    assert not (tmp_path / "new").exists()
