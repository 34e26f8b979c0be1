"""The organisers' features against scipy and the formulas of Slaney's mel scale."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from stridor.audio.files import read_clip
from stridor.baselines.features import MIN_SAMPLES, LogMel, frame_count, log_mel_frames, read_frames, stacks
from stridor.common.errors import StridorError
from stridor.data.manifest import build_manifest
from stridor.params.sections import AudioParams
from tiny import write_pump

LENGTHS = [2_048, 2_800, 3_001, 5_119, 5_120, 5_121, 16_001, 16_001]


@pytest.fixture(scope="module")
def log_mel():
    return LogMel()


def waves(lengths=LENGTHS):
    rng = np.random.default_rng(0)
    return [0.1 * rng.standard_normal(n).astype(np.float32) for n in lengths]


def frames_of(given, log_mel):
    return log_mel_frames(given, [f"{i}.wav" for i in range(len(given))], log_mel)


def slaney_filters():
    """Triangles of equal area, linear up to 1 kHz and logarithmic above, float64 [513 x 128]."""
    top = 15 + 27 * np.log(8000 / 1000) / np.log(6.4)
    mel = np.linspace(0, top, 130)
    hz = np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))
    bins = np.arange(513)[:, None] * 16000 / 1024
    rising, falling = (bins - hz[:-2]) / np.diff(hz)[:-1], (hz[2:] - bins) / np.diff(hz)[1:]
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (hz[2:] - hz[:-2])


def by_scipy(wave):
    transform = ShortTimeFFT(hann(1024, sym=False), hop=512, fs=16000, mfft=1024)
    spectrum = transform.stft(wave.astype(np.float64), p0=0, p1=1 + len(wave) // 512)
    power = np.abs(spectrum.T) ** 2 @ slaney_filters()
    return 10 * np.log10(np.maximum(power, np.finfo(float).eps))


@pytest.mark.parametrize("samples", LENGTHS)
def test_frames_equal_a_direct_computation(log_mel, samples):
    [wave] = waves([samples])
    [frames] = frames_of([wave], log_mel)
    assert frames.shape == (frame_count(samples), 128)
    np.testing.assert_allclose(frames.numpy(), by_scipy(wave), atol=2e-2)
    assert np.abs(frames.numpy() - by_scipy(wave)).mean() < 1e-4


def test_a_clip_has_the_same_frames_alone_and_among_others(log_mel):
    together = frames_of(waves(), log_mel)
    for frames, wave in zip(together, waves(), strict=True):
        [alone] = frames_of([wave], log_mel)
        assert torch.allclose(frames, alone, atol=1e-3)


def test_silence_is_at_the_floor(log_mel):
    [frames] = frames_of([np.zeros(4_000, dtype=np.float32)], log_mel)
    np.testing.assert_allclose(frames.numpy(), -156.535, atol=1e-2)


def test_nothing_gives_nothing(log_mel):
    assert frames_of([], log_mel) == []
    assert list(read_frames([], AudioParams())) == []


def test_a_clip_of_four_frames_is_refused_by_name(log_mel):
    assert frame_count(MIN_SAMPLES - 1) == 4
    with pytest.raises(StridorError, match=r"1\.wav has 2047 samples.*at least 2048 \(0\.128 s\)"):
        frames_of(waves([2_048, 2_047]), log_mel)


def test_a_stack_is_five_neighbours_in_a_row():
    frames = torch.arange(7.0)[:, None] * torch.ones(128)
    stacked = stacks(frames)
    assert stacked.shape == (3, 640)
    for start, stack in enumerate(stacked):
        assert torch.equal(stack, frames[start : start + 5].flatten())
    assert torch.equal(stacks(frames, torch.tensor([2, 0])), stacked[[2, 0]])
    assert stacks(frames[:5]).shape == (1, 640)


def test_clips_from_disk_come_in_order(tmp_path, monkeypatch, log_mel):
    monkeypatch.chdir(tmp_path)
    write_pump(Path())
    clips = build_manifest(Path("data"), ("pump",)).select("train")
    read = list(read_frames(clips, AudioParams()))
    assert [clip for clip, _ in read] == clips
    for clip, frames in read:
        [alone] = frames_of([read_clip(clip.path)], log_mel)
        assert torch.allclose(frames, alone, atol=1e-3)
