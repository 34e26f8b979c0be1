"""Resampling by the reader: flat to 7 kHz, and nothing folded down from above 8 kHz."""

import numpy as np
import pytest
import soundfile as sf

from stridor.audio.files import read_clip

RATES_HZ = [22050, 32000, 44100, 48000, 96000]
SECONDS = 2


def level_db(wave):
    """Return the level relative to a sine of amplitude 0.5, without the ends, where the filter meets nothing."""
    inside = wave[1600:-1600].astype(np.float64)
    return 10 * np.log10(np.mean(inside**2) / 0.125 + 1e-30)


def read_tone(path, rate_hz, tone_hz):
    time = np.arange(SECONDS * rate_hz) / rate_hz
    sf.write(path, 0.5 * np.sin(2 * np.pi * tone_hz * time), rate_hz, subtype="FLOAT")
    return read_clip(path)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_flat_to_7_khz(tmp_path, rate_hz):
    for tone_hz in (50, 440, 1000, 2500, 4000, 5500, 6500, 6900, 7000):
        assert abs(level_db(read_tone(tmp_path / "a.wav", rate_hz, tone_hz))) < 0.1, tone_hz


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_nothing_is_folded_down(tmp_path, rate_hz):
    for tone_hz in np.linspace(8001, 0.499 * rate_hz, 23):
        assert level_db(read_tone(tmp_path / "a.wav", rate_hz, tone_hz)) < -80, tone_hz


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_sweep_keeps_its_envelope_and_leaves_nothing_above(tmp_path, rate_hz):
    time = np.arange(8 * rate_hz) / rate_hz
    end_hz = rate_hz / 2 - 100
    sf.write(tmp_path / "a.wav", 0.5 * np.sin(np.pi * end_hz / 8 * time**2), rate_hz, subtype="FLOAT")
    wave = read_clip(tmp_path / "a.wav").astype(np.float64)
    frames = wave[: len(wave) // 320 * 320].reshape(-1, 320)
    frequency_hz = (np.arange(len(frames)) + 0.5) * 0.02 * end_hz / 8
    levels = 10 * np.log10(np.mean(frames**2, axis=1) / 0.125 + 1e-30)
    flat = (frequency_hz > 300) & (frequency_hz < 6900)
    assert np.abs(levels[flat]).max() < 0.1
    # The frame in which it starts and that in which it ends are clicks.
    assert levels[frequency_hz > 8300][:-2].max() < -80


def test_what_is_at_16_khz_is_not_touched(tmp_path):
    samples = np.random.default_rng(0).integers(-32768, 32767, 16000, dtype=np.int16)
    sf.write(tmp_path / "a.wav", samples, 16000)
    assert np.array_equal(read_clip(tmp_path / "a.wav"), samples.astype(np.float32) / 32768)
