"""Every mechanism sounds by its own physics, and every fault by its own."""

from dataclasses import replace

import numpy as np
import pytest

from stridor.common.errors import StridorError
from stridor.ingest.demo import Bearing, Fan, Fault, Gearbox, Slider, Valve, synthesise
from stridor.ingest.demo.catalogue import CATALOGUE
from stridor.ingest.demo.signals import SAMPLE_RATE_HZ

KINDS = tuple(machine.kind for machine in CATALOGUE)
FAULTS = [(kind, fault) for kind in KINDS for fault in kind.FAULTS]


def demo_settings(kind):
    machine = next(each for each in CATALOGUE if each.kind is kind)
    attributes = machine.domains["source"].attributes
    return machine.settings({name: values[0] for name, values in attributes.items()})


def level_at(wave, frequency_hz, width_hz=8.0):
    """Return how far (dB) the strongest line near a frequency stands above its neighbourhood."""
    power = np.abs(np.fft.rfft(wave * np.hanning(wave.size))) ** 2
    frequencies = np.fft.rfftfreq(wave.size, 1 / SAMPLE_RATE_HZ)
    distance = np.abs(frequencies - frequency_hz)
    near, around = distance <= width_hz, (distance > width_hz) & (distance < 8 * width_hz)
    return 10 * np.log10(np.max(power[near]) / np.median(power[around]))


def beat_at(wave, rate_hz, low_hz):
    """Return how strongly the envelope of everything above `low_hz` beats at a rate, in dB."""
    spectrum = np.fft.rfft(wave)
    spectrum[: int(low_hz * wave.size / SAMPLE_RATE_HZ)] = 0.0
    envelope = np.abs(np.fft.irfft(spectrum, wave.size))
    return level_at(envelope - envelope.mean(), rate_hz, width_hz=0.04 * rate_hz)


@pytest.mark.parametrize("kind", KINDS)
def test_any_settings_give_a_sound_of_unit_rms_without_dc(kind):
    rng = np.random.default_rng(1)
    for seconds in (0.3, 2.0137):
        for fault in (None, *(Fault(name, 1.0) for name in kind.FAULTS)):
            wave = synthesise(kind.draw(rng), rng, seconds, fault)
            assert wave.dtype == np.float64
            assert wave.shape == (round(seconds * SAMPLE_RATE_HZ),)
            assert np.mean(wave) == pytest.approx(0.0, abs=1e-9)
            assert np.std(wave) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_settings_vary_and_clips_of_one_machine_differ(kind):
    rng = np.random.default_rng(2)
    settings = kind.draw(rng)
    assert settings != kind.draw(rng)
    first, again, other = (synthesise(settings, np.random.default_rng(seed), 2.0) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.5


@pytest.mark.parametrize(("kind", "fault"), FAULTS)
def test_a_fault_is_heard_and_grows_with_its_severity(kind, fault):
    """Not in the mean spectrum: some faults are only a matter of when things happen."""

    def difference(severity):
        total = 0.0
        for seed in range(4):
            waves = (
                synthesise(demo_settings(kind), np.random.default_rng(seed), 3.0, each)
                for each in (None, Fault(fault, severity))
            )
            healthy, faulty = (wave.reshape(-1, 400) for wave in waves)
            power = [np.log10(np.abs(np.fft.rfft(frames)) ** 2 + 1e-4) for frames in (healthy, faulty)]
            total += np.mean(np.abs(power[0] - power[1]))
        return total

    slight, grave = difference(0.0), difference(1.0)
    assert slight > 1e-3
    assert grave > 1.3 * slight


def test_gears_sound_at_the_rate_of_their_teeth():
    settings = replace(demo_settings(Gearbox), input_hz=20.0, teeth_in=17)
    wave = synthesise(settings, np.random.default_rng(3), 3.0)
    assert level_at(wave, 340.0) > 20.0
    assert level_at(wave, 680.0) > level_at(wave, 510.0) + 4.0


def test_blades_sound_at_the_rate_at_which_they_pass():
    settings = replace(demo_settings(Fan), rotation_hz=26.0, blades=5)
    assert level_at(synthesise(settings, np.random.default_rng(3), 3.0), 130.0) > 15.0


def test_a_pit_in_the_outer_race_is_struck_by_every_ball():
    settings = replace(demo_settings(Bearing), shaft_hz=20.0, balls=9, ball_ratio=0.26)
    ball_pass_hz = 9 / 2 * (1 - 0.26) * 20.0
    healthy, pitted = (
        beat_at(synthesise(settings, np.random.default_rng(4), 4.0, fault), ball_pass_hz, 2500.0)
        for fault in (None, Fault("outer_race_pit", 1.0))
    )
    assert pitted > 20.0
    assert pitted > healthy + 6.0


def test_a_rubbing_blade_scrapes_once_per_turn():
    settings = replace(demo_settings(Fan), rotation_hz=26.0, blades=5)
    healthy, rubbing = (
        beat_at(synthesise(settings, np.random.default_rng(4), 4.0, fault), 26.0, 5000.0)
        for fault in (None, Fault("rubbing", 1.0))
    )
    assert rubbing > healthy + 10.0


def test_a_valve_that_misses_openings_clicks_less_often():
    def loud_share(fault):
        wave = synthesise(demo_settings(Valve), np.random.default_rng(6), 6.0, fault)
        levels = np.std(wave.reshape(-1, 320), axis=1)
        return np.mean(levels > 0.5 * np.max(levels))

    assert loud_share(Fault("missed_opening", 1.0)) < 0.75 * loud_share(None)


def test_a_late_stroke_leaves_a_longer_standstill():
    def longest_quiet(fault):
        wave = synthesise(demo_settings(Slider), np.random.default_rng(6), 6.0, fault)
        quiet = np.std(wave.reshape(-1, 320), axis=1) < 0.05
        ends = np.flatnonzero(np.diff(np.concatenate([[0], quiet, [0]])))
        return np.max(np.diff(ends)[::2], initial=0)

    assert longest_quiet(Fault("late_stroke", 1.0)) > 2 * longest_quiet(None)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Fault("rubbing", 1.2), ("rubbing", "1.2", "from 0 to 1")),
        (lambda: Fault("rubbing", float("nan")), ("rubbing", "nan")),
        (lambda: replace(demo_settings(Fan), blades=2), ("blades", "Fan", "from 3 to 9")),
        (lambda: run(Fault("flat_wheel", 0.5)), ("Fan", "flat_wheel", "rubbing")),
        (lambda: run(None, 0.01), ("0.01", "at least 0.1")),
    ],
)
def test_what_no_machine_can_be_is_refused_in_one_sentence(make, words):
    with pytest.raises(StridorError) as error:
        make()
    assert all(word in str(error.value) for word in words)
    assert str(error.value).endswith(".")


def run(fault, seconds=1.0):
    return synthesise(demo_settings(Fan), np.random.default_rng(0), seconds, fault)
