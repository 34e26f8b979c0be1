"""Surroundings, microphone, mixing and digitising."""

import numpy as np
import pytest

from stridor.ingest.demo import Microphone, Surroundings, digitise, mix
from stridor.ingest.demo.catalogue import CATALOGUE

rng = np.random.default_rng


def test_any_surroundings_and_microphone_give_noise_of_unit_rms():
    draws = rng(1)
    for seconds in (0.3, 2.0):
        for _ in range(5):
            wave = Microphone.draw(draws).record(Surroundings.draw(draws).noise(draws, seconds))
            assert wave.shape == (round(seconds * 16_000),)
            assert np.std(wave) == pytest.approx(1.0)


def test_both_halls_hum_at_their_own_mains():
    for domain, hum_hz, other_hz in (("source", 150, 180), ("target", 180, 150)):
        surroundings = CATALOGUE[0].domains[domain].surroundings
        power = sum(np.abs(np.fft.rfft(surroundings.noise(rng(seed), 1.0))) ** 2 for seed in range(20))
        assert power[hum_hz] > 2 * power[other_hz]


def test_a_microphone_colours_always_alike_and_two_do_not():
    wave = rng(2).standard_normal(16_000)
    source, target = (CATALOGUE[3].domains[domain].microphone for domain in ("source", "target"))
    assert np.array_equal(source.record(wave), source.record(wave))
    assert np.corrcoef(source.record(wave), target.record(wave))[0, 1] < 0.98


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 7.5])
def test_machine_and_noise_are_as_far_apart_as_asked(snr_db):
    machine, noise = rng(3).standard_normal(2000) * 5.0, rng(4).standard_normal(2000) * 0.01
    rest = mix(machine, noise, snr_db) - mix(np.zeros(2000), noise, snr_db)
    assert 20 * np.log10(np.std(rest)) == pytest.approx(snr_db, abs=1e-6)


def test_the_level_lies_half_way_between_rms_and_peak():
    samples = digitise(rng(5).standard_normal(16_000), -24.0, 0.0) / 32_767
    half_way_db = 10 * np.log10(np.std(samples)) + 10 * np.log10(np.max(np.abs(samples)))
    assert half_way_db == pytest.approx(-24.0, abs=0.01)


def test_nothing_is_ever_clipped():
    spike = np.zeros(16_000)
    spike[8000] = 1.0
    samples = digitise(spike, -3.0, 0.3)
    assert samples.dtype == np.int16
    assert np.max(np.abs(samples.astype(int))) < 32_767
    assert samples[8000] > 32_000


def test_the_converter_adds_its_offset():
    samples = digitise(rng(6).standard_normal(64_000), -24.0, -0.25)
    assert np.mean(samples) == pytest.approx(-0.25, abs=0.01)
    assert np.array_equal(digitise(np.zeros(100), -24.0, 0.3), np.zeros(100))
