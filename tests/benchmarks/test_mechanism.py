"""The benchmark of the mechanism measures nothing but what training has changed."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.mechanism import DRAWS, SNRS_DB, Measured, faulty, noisy, row

from stridor.audio.files import read_clip
from stridor.audio.mixing import mean_power
from stridor.data.manifest import build_manifest
from stridor.models.side import side_tuned
from stridor.selection.faults import FAULTS
from tiny import moved_side_blocks, tiny_encoder, tiny_params, write_pump


@pytest.fixture
def pump(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pump(tmp_path)
    manifest = build_manifest(Path("data"), ("pump",))
    clips = [read_clip(clip.path) for clip in manifest.select("test")[:3]]
    return manifest.select("train"), clips, [Path(clip.path) for clip in manifest.select("supplemental")]


def test_mixtures_have_the_ratio_and_the_same_noise_at_each(pump):
    _, clips, noises = pump
    loud, quiet = (noisy(clips, noises, snr_db) for snr_db in (0, 10))
    assert len(loud) == len(clips) * DRAWS
    for number, (one, other) in enumerate(zip(loud, quiet, strict=True)):
        clip = clips[number // DRAWS]
        assert mean_power(clip) / mean_power(one - clip) == pytest.approx(1, rel=1e-3)
        np.testing.assert_allclose(one - clip, (other - clip) * 10**0.5, atol=1e-5)
    assert len(faulty(clips)) == len(clips) * len(FAULTS)


def test_side_blocks_that_have_not_learnt_are_the_frozen_encoder_and_moved_ones_are_not(pump):
    known, clips, noises = pump
    params = tiny_params()
    frozen, fresh, moved = (
        Measured(encoder, known, params)
        for encoder in (tiny_encoder(), side_tuned(tiny_encoder(), 16, 0), moved_side_blocks())
    )
    rows = [row(one, frozen, clips, noises) for one in (frozen, fresh, moved)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == len(SNRS_DB) + 2
    assert rows[0][-1] == "1.00, 1.00"
    assert rows[2][-1] != "1.00, 1.00"
    distances = [float(cell.split(",")[0]) for cell in rows[0][: len(SNRS_DB)]]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] > 0
