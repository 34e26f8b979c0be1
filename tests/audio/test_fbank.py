"""The filter bank against torchaudio's, which takes one clip at a time."""

import pytest
import torch

from stridor.audio._torchaudio import torchaudio
from stridor.audio.fbank import NORMAL_MEAN, NORMAL_SCALE, Fbank, frame_counts, mel_filters


def by_torchaudio(wave: torch.Tensor) -> torch.Tensor:
    return torchaudio.compliance.kaldi.fbank(
        wave[None] * 2**15,
        num_mel_bins=128,
        sample_frequency=16000,
        frame_length=25,
        frame_shift=10,
        dither=0.0,
    )


@pytest.mark.parametrize("samples", [400, 559, 560, 1221, 16_000, 20_001])
def test_equals_torchaudio(samples):
    wave = 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(samples))
    ours = Fbank()(wave[None])[0] * NORMAL_SCALE + NORMAL_MEAN
    theirs = by_torchaudio(wave)
    assert ours.shape == theirs.shape
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=0)


def test_silence_hits_the_floor_and_stays_finite():
    image = Fbank()(torch.zeros(2, 16_000))
    floor = (torch.tensor(torch.finfo(torch.float32).eps).log() - NORMAL_MEAN) / NORMAL_SCALE
    torch.testing.assert_close(image, floor.expand_as(image))


def test_a_clip_has_the_same_frames_alone_and_padded():
    wave = torch.randn(1, 5_000)
    alone = Fbank()(wave)[0]
    padded = Fbank()(torch.cat([wave, torch.zeros(1, 3_000)], dim=1))[0]
    torch.testing.assert_close(padded[: len(alone)], alone)


def test_counts_whole_frames_only():
    assert frame_counts(torch.tensor([0, 399, 400, 559, 560, 160_000])).tolist() == [0, 0, 1, 1, 2, 998]


def test_filters_equal_torchaudio():
    theirs, _ = torchaudio.compliance.kaldi.get_mel_banks(128, 512, 16000.0, 20.0, 0.0, 100.0, -500.0, 1.0)
    filters = mel_filters()
    assert filters.shape == (257, 128)
    # torchaudio computes the corners in single precision.
    torch.testing.assert_close(filters[:-1], theirs.T, atol=1e-4, rtol=0)
    assert filters[-1].sum() == 0


def test_mixed_precision_leaves_the_image_alone():
    wave = 0.1 * torch.randn(1, 4_000)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = Fbank()(wave)
    torch.testing.assert_close(mixed, Fbank()(wave))
