"""The nearest normal clip, asked as a scorer."""

from pathlib import Path

import numpy as np

from stridor.audio.files import read_clip
from stridor.data.manifest import build_manifest
from stridor.params.scoring_sections import BankParams
from stridor.params.sections import AudioParams
from stridor.scoring.embedding import LogMelEmbedder
from stridor.scoring.reference import MachineReference, NearestNormal
from tiny import write_pump


def test_it_is_the_distance_to_the_nearest_normal_clip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pump(Path())
    manifest = build_manifest(Path("data"), ("pump",))
    train, test = manifest.select("train"), manifest.select("test")
    embedder = LogMelEmbedder()
    normal, queries = (embedder.embed([read_clip(clip.path) for clip in clips]) for clips in (train, test))
    scorer = NearestNormal(embedder, MachineReference.fit(normal, train, BankParams()))
    expected = np.linalg.norm(queries[:, None] - normal[None], axis=-1).min(axis=1)
    np.testing.assert_allclose(scorer.score(test, AudioParams()), expected, rtol=1e-4)
    assert scorer.calibration == scorer.reference.calibration
    assert scorer.score([], AudioParams()).shape == (0,)
