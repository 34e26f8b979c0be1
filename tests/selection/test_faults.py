"""Injected faults do what they are called, at the strength that is written down."""

import numpy as np
import pytest

from stridor.common.errors import StridorError
from stridor.selection.faults import FAULTS, HIGHEST_HZ, LOWEST_HZ, inject

RATE = 16000
SHORTEST = 2800


@pytest.fixture(params=[SHORTEST, 2 * RATE + 1])
def wave(request):
    return 0.1 * np.random.default_rng(0).standard_normal(request.param)


@pytest.fixture
def other():
    return 0.2 * np.random.default_rng(1).standard_normal(RATE)


def injected(fault, wave, other, seed=0):
    return inject(fault, wave, other, np.random.default_rng(seed)).astype(np.float64)


def decibels(change, wave):
    return 10 * np.log10(np.mean(change**2) / np.mean(wave**2))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_drawn_from_the_seed_and_changes_the_clip(fault, wave, other):
    first = inject(fault, wave, other, np.random.default_rng(0))
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, inject(fault, wave, other, np.random.default_rng(0)))
    assert not np.array_equal(first, inject(fault, wave, other, np.random.default_rng(1)))
    if fault != "speed":
        assert len(first) == len(wave)
        assert decibels(first - wave, wave) > -50


@pytest.mark.parametrize("fault", ["tone", "impacts"])
@pytest.mark.parametrize("seed", range(5))
def test_additions_lie_5_to_20_db_below_the_clip(fault, wave, other, seed):
    assert -20.01 <= decibels(injected(fault, wave, other, seed) - wave, wave) <= -4.99


def test_a_tone_is_a_single_frequency():
    wave = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    power = np.abs(np.fft.rfft((injected("tone", wave, wave) - wave) * np.hanning(RATE))) ** 2
    loudest = int(power.argmax())
    assert LOWEST_HZ <= loudest <= HIGHEST_HZ
    assert power[loudest - 3 : loudest + 4].sum() > 0.99 * power.sum()


@pytest.mark.parametrize("fault", ["band_level", "band_swap"])
def test_a_band_changes_and_the_others_stay(fault, other):
    wave = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    change = np.abs(np.fft.rfft(injected(fault, wave, other) - wave))
    changed = np.flatnonzero(change > 1e-3 * change.max())
    # One second: a line of the spectrum is one hertz.
    assert changed[0] >= LOWEST_HZ
    assert 2 ** (1 / 3) * 0.95 < changed[-1] / changed[0] <= 2.01


def test_a_swapped_band_is_that_of_the_other_clip(other):
    wave = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    made = injected("band_swap", wave, other)
    lines = np.fft.rfft(made)
    changed = np.abs(lines - np.fft.rfft(wave)) > 0.1
    assert changed.sum() > 10
    np.testing.assert_allclose(lines[changed], np.fft.rfft(other)[changed], atol=1e-3)


def test_speed_moves_a_tone_by_2_to_8_percent():
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    made = injected("speed", tone, tone)
    heard = np.abs(np.fft.rfft(made)).argmax() * RATE / len(made)
    assert 0.019 < abs(heard / 1000 - 1) < 0.081
    assert len(made) / RATE == pytest.approx(1000 / heard, rel=0.01)


def test_a_fault_in_silence_is_silence(other):
    assert not injected("tone", np.zeros(RATE), other).any()


def test_an_unknown_fault_is_refused(wave, other):
    with pytest.raises(StridorError, match="no fault 'rust'; choose among tone"):
        injected("rust", wave, other)
