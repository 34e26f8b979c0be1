"""Several systems embed clips together: each gets what it gets alone, and a clip is encoded once."""

from pathlib import Path

import numpy as np
import pytest

from recordings import write_machine
from stridor.data.manifest import build_manifest
from stridor.models.log_mel import LogMelPatches
from stridor.params.scoring_sections import EmbeddingParams
from stridor.params.sections import AudioParams
from stridor.scoring.shared import shared_embedders
from stridor.scoring.views import ViewsEmbedder
from tiny import tiny_encoder

AUDIO = AudioParams()
BANDS, MEAN = EmbeddingParams(pooling="bands"), EmbeddingParams(layer=1)


@pytest.fixture
def views():
    frozen, own, spectrum = tiny_encoder(0), tiny_encoder(1), LogMelPatches(frames=1)
    return {
        "frozen": [(frozen, BANDS)],
        "own": [(own, MEAN)],
        "joined": [(spectrum, EmbeddingParams(layer=0, pooling="quantiles")), (frozen, BANDS), (frozen, MEAN)],
    }


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """Clips of several lengths on disk."""
    monkeypatch.chdir(tmp_path)
    write_machine(tmp_path / "data/pump", samples=4000)
    write_machine(tmp_path / "data/press", samples=9001)
    return [clip for machine in ("pump", "press") for clip in build_manifest(Path("data"), (machine,)).select("train")]


def test_each_system_gets_what_it_gets_alone(views, clips):
    for name, embedder in shared_embedders(views).items():
        alone = ViewsEmbedder(views[name])
        assert embedder.widths == alone.widths
        np.testing.assert_array_equal(embedder.embed_clips(clips, AUDIO), alone.embed_clips(clips, AUDIO))
        # Other clips, and the same again.
        for some in (clips[:1], clips[3:], clips):
            np.testing.assert_array_equal(embedder.embed_clips(some, AUDIO), alone.embed_clips(some, AUDIO))
        wave = np.random.default_rng(0).normal(0, 0.1, 5000).astype(np.float32)
        np.testing.assert_array_equal(embedder.embed([wave]), alone.embed([wave]))


def test_an_encoder_of_two_systems_hears_a_clip_once(views, clips):
    runs = []
    frozen = views["frozen"][0][0]
    frozen.patch_embedding.register_forward_hook(lambda _, inputs, __: runs.append(len(inputs[0])))
    for embedder in shared_embedders(views).values():
        embedder.embed_clips(clips, AUDIO)
    assert sum(runs) == len(clips)
