"""Tones, noise, impacts and resonances against what they are defined to be."""

import numpy as np
import pytest

from stridor.ingest.demo.impacts import Body, crossings, since_latest, strikes
from stridor.ingest.demo.signals import (
    SAMPLE_RATE_HZ,
    coloured_noise,
    drift,
    falling,
    gain,
    harmonics,
    rms,
    turns,
    unit,
)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def spectrum_db(wave):
    """Return the power spectrum at whole Hz of a wave of one second."""
    return 10 * np.log10(np.abs(np.fft.rfft(wave * np.hanning(wave.size))) ** 2 + 1e-12)


def test_harmonics_lie_at_multiples_of_the_rate_with_their_amplitudes(rng):
    angle = turns(np.full(SAMPLE_RATE_HZ, 300.0))
    level = spectrum_db(harmonics(angle, gain(np.array([0.0, -6.0, -20.0])), rng))
    assert level[600] - level[300] == pytest.approx(-6.0, abs=0.2)
    assert level[900] - level[300] == pytest.approx(-20.0, abs=0.2)
    between = np.delete(level, [n * 300 + d for n in (1, 2, 3) for d in (-2, -1, 0, 1, 2)])
    assert np.max(between) < level[300] - 60.0


def test_harmonics_fall_by_octave():
    assert 20 * np.log10(falling(8, 5.0)[[1, 3, 7]]) == pytest.approx([-5.0, -10.0, -15.0])


def test_coloured_noise_tilts_within_its_band_and_ends_outside(rng):
    level = spectrum_db(coloured_noise(rng, SAMPLE_RATE_HZ, -6.0, 200.0, 4000.0))
    octave = [np.mean(level[low : low * 2]) for low in (500, 1000, 2000)]
    assert np.diff(octave) == pytest.approx([-6.0, -6.0], abs=1.0)
    assert np.mean(level[40:60]) < np.mean(level[200:400]) - 15.0
    assert np.mean(level[7000:8000]) < np.mean(level[3000:4000]) - 15.0


def test_drift_is_slow_and_as_wide_as_asked(rng):
    curves = np.array([drift(rng, 20_000, 0.5) for _ in range(200)])
    assert np.std(curves[:, ::2000]) == pytest.approx(0.5, rel=0.25)
    assert np.max(np.abs(np.diff(curves))) < 1e-3


def test_a_strike_between_two_samples_is_shared():
    wave = strikes(np.array([10.25, 5000.0]) / SAMPLE_RATE_HZ, np.array([2.0, 9.0]), 100)
    assert wave[10:12] == pytest.approx([1.5, 0.5])
    assert np.count_nonzero(wave) == 2


def test_crossings_come_once_per_turn():
    times = crossings(turns(np.full(2 * SAMPLE_RATE_HZ, 7.0)), 0.5)
    assert times.size == 14
    assert np.diff(times) == pytest.approx(1 / 7)


def test_time_since_the_latest_event():
    since = since_latest(np.array([3.0, 1.0]), 4 * SAMPLE_RATE_HZ)
    assert np.all(np.isinf(since[: SAMPLE_RATE_HZ - 1]))
    assert since[[SAMPLE_RATE_HZ, 2 * SAMPLE_RATE_HZ, 3 * SAMPLE_RATE_HZ]] == pytest.approx([0.0, 1.0, 0.0])
    assert np.all(np.isinf(since_latest(np.array([]), 10)))


def test_a_body_rings_between_its_limits_and_always_alike():
    body = Body(7, 1000.0, 4000.0, modes=4)
    wave = body.ring(strikes(np.array([0.01]), np.array([1.0]), SAMPLE_RATE_HZ))
    power = np.abs(np.fft.rfft(wave)) ** 2
    assert np.sum(power[800:4800]) > 0.9 * np.sum(power)
    same, other = Body(7, 1000.0, 4000.0, modes=4).response(), Body(8, 1000.0, 4000.0, modes=4).response()
    assert np.array_equal(body.response(), same)
    size = min(same.size, other.size)
    assert abs(np.corrcoef(same[:size], other[:size])[0, 1]) < 0.5


def test_unit_removes_the_mean_and_leaves_silence_alone():
    wave = unit(np.array([3.0, 5.0, 3.0, 5.0]))
    assert wave.mean() == 0.0
    assert rms(wave) == pytest.approx(1.0)
    assert np.array_equal(unit(np.zeros(5)), np.zeros(5))
