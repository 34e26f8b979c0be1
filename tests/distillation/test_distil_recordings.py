"""Crops of recordings at any speed."""

import numpy as np
import pytest
import scipy.signal

from stridor.audio.files import write_clip
from stridor.common.errors import StridorError
from stridor.distillation.recordings import Recordings, audio_files, draw_batch, resample
from tiny_distillation import write_sounds


@pytest.mark.parametrize(("before", "after"), [(8000, 6400), (8000, 10000), (8000, 8000), (6561, 8000)])
def test_resampling_is_scipys(before, after):
    wave = np.random.default_rng(0).standard_normal(before).astype(np.float32)
    ours, theirs = resample(wave, after), scipy.signal.resample(wave, after)
    assert ours.dtype == np.float32
    # They differ in the highest bin alone, which is halved or doubled there.
    assert np.abs(ours - theirs).max() < 0.1
    assert np.corrcoef(ours, theirs)[0, 1] > 0.9999


def test_files_are_found_in_folders_below(tmp_path):
    write_sounds(tmp_path / "a" / "b", 2)
    (tmp_path / "a" / "notes.txt").write_text("no audio")
    assert [path.name for path in audio_files(tmp_path / "a")] == ["sound_00.wav", "sound_01.wav"]


def test_every_group_is_drawn_equally_often(tmp_path):
    for name, clips, level in (("few", 1, 0.5), ("many", 20, -0.5)):
        for i in range(clips):
            write_clip(tmp_path / name / f"{i}.wav", np.full(4000, level))
    batch = draw_batch(
        Recordings.from_folders([tmp_path / "few", tmp_path / "many"]), np.random.default_rng(0), 200, 0.1
    )
    assert batch.shape == (200, 1600)
    assert 70 < (batch.mean(axis=1) > 0).sum() < 130


def test_speeds_go_from_three_quarters_to_a_third_more(tmp_path):
    write_clip(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 1000 * np.arange(32000) / 16000))
    recordings, rng = Recordings.from_folders([tmp_path]), np.random.default_rng(0)
    crops = np.stack([recordings.crop(rng, 8000) for _ in range(100)])
    tones_hz = 2 * np.abs(np.fft.rfft(crops)).argmax(axis=1)
    assert 740 < tones_hz.min() < 800
    assert 1280 < tones_hz.max() < 1360


def test_silent_recordings_are_passed_over(tmp_path):
    write_clip(tmp_path / "a" / "silence.wav", np.zeros(8000))
    write_clip(tmp_path / "a" / "noise.wav", 0.1 * np.random.default_rng(0).standard_normal(8000).clip(-3, 3))
    batch = draw_batch(Recordings.from_folders([tmp_path / "a"]), np.random.default_rng(0), 20, 0.2)
    assert (batch.std(axis=1) > 0.01).all()


def test_short_recordings_begin_anew(tmp_path):
    write_clip(tmp_path / "short.wav", 0.1 * np.ones(100))
    assert Recordings.from_folders([tmp_path]).crop(np.random.default_rng(0), 8000) == pytest.approx(0.1, abs=1e-3)


def test_missing_and_empty_folders_are_named(tmp_path):
    with pytest.raises(StridorError, match="nowhere is not a folder"):
        audio_files(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StridorError, match="empty contains no audio file"):
        audio_files(tmp_path / "empty")
