"""What is done to a batch stays within its ranges."""

import numpy as np
import pytest
import torch

from stridor.distillation.augmentation import Augmentation, Level, Mix, Noise, Roll, Tilt


@pytest.fixture
def wave():
    return 0.1 * torch.randn(64, 8000, generator=torch.Generator().manual_seed(0))


def rng():
    return torch.Generator().manual_seed(1)


def db(power):
    return 10 * power.log10()


def test_the_same_seed_does_the_same_and_another_does_not(wave):
    augmentation = Augmentation()
    assert torch.equal(augmentation(wave, 3), augmentation(wave, 3))
    assert not torch.equal(augmentation(wave, 3), augmentation(wave, 4))
    assert augmentation(wave, 3).abs().max() <= 1


def test_silence_stays_finite():
    assert torch.isfinite(Augmentation()(torch.zeros(2, 8000), 0)).all()


def test_most_clips_are_mixed_within_the_range(wave):
    added = Mix()(wave, rng()) - wave
    mixed = added.abs().amax(dim=1) > 0
    assert 30 < mixed.sum() < 60
    snr_db = db(wave[mixed].square().mean(1) / added[mixed].square().mean(1))
    assert -10.1 < snr_db.min() < -5
    assert 10 < snr_db.max() < 15.1


def test_noise_is_between_white_and_pink(wave):
    quiet = 1e-3 * wave
    added = Noise(share=1.0, low_db=0.0, high_db=0.0)(quiet, rng()) - quiet
    assert db(quiet.square().mean(1) / added.square().mean(1)).abs().max() < 0.05
    power = torch.fft.rfft(added).abs().square()
    per_octave = db(power[:, 500:1000].mean(1) / power[:, 1000:2000].mean(1))
    assert -1 < per_octave.min() < 1
    assert 2 < per_octave.max() < 4


def test_the_tilt_leaves_1_khz_alone():
    time = torch.arange(16000) / 16000
    tones = torch.stack([torch.sin(2 * np.pi * hz * time) for hz in (1000, 2000)])
    tilted = torch.stack([Tilt()(tones[[i, i]], rng())[1] for i in range(2)])
    levels = db(tilted.square().mean(1) / tones.square().mean(1))
    assert levels[0].abs() < 0.01
    assert 0.01 < levels[1].abs() < 3.01


def test_roll_keeps_every_sample(wave):
    rolled = Roll()(wave, rng())
    assert not torch.equal(rolled, wave)
    assert torch.equal(rolled.sort(dim=1).values, wave.sort(dim=1).values)


def test_levels_span_40_db_without_clipping(wave):
    levels = db(Level()(wave, rng()).square().mean(1))
    assert levels.min() < -45
    assert -14 < levels.max() < -9.9
    peaky = torch.zeros(2, 8000)
    peaky[:, 5] = 0.5
    assert Level(-10.0, -10.0)(peaky, rng()).abs().max() == pytest.approx(1.0)
