"""Faults injected into recordings of a machine that runs well."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.common.errors import StridorError

Wave = NDArray[np.float64]

# All levels and depths below were written down before any score was computed: from barely audible to plain.
LEVEL_DB = (-20.0, -5.0)
GAIN_DB = (3.0, 12.0)
DEPTH = (0.4, 1.0)
SPEED = (0.02, 0.08)
# Of bands and tones, drawn uniformly in the logarithm; a band is between a third of an octave and an octave wide.
LOWEST_HZ, HIGHEST_HZ = 200.0, 7000.0
OCTAVES = (1 / 3, 1.0)


def add_tone(wave: Wave, other: Wave, rng: np.random.Generator) -> Wave:
    """Add a whistle: a sine of one frequency."""
    phase = 2 * np.pi * _log_uniform(rng, LOWEST_HZ, HIGHEST_HZ) * np.arange(len(wave)) / SAMPLE_RATE_HZ
    return wave + _scaled(np.sin(phase), wave, rng)


def add_impacts(wave: Wave, other: Wave, rng: np.random.Generator) -> Wave:
    """Add knocking: decaying bursts of noise, 1 to 20 a second."""
    period = round(SAMPLE_RATE_HZ * rng.uniform(0.05, 1.0))
    burst = rng.standard_normal(400) * np.exp(-np.arange(400) / 80)
    impacts = np.zeros(len(wave))
    # The first within the clip, however short that is.
    impacts[rng.integers(min(period, len(wave))) :: period] = 1
    return wave + _scaled(np.convolve(impacts, burst)[: len(wave)], wave, rng)


def change_band(wave: Wave, other: Wave, rng: np.random.Generator) -> Wave:
    """Raise or lower a frequency band, as a worn or loose part does."""
    gain = 10 ** (rng.choice([-1, 1]) * rng.uniform(*GAIN_DB) / 20)
    return wave + (gain - 1) * _band_of(wave, _band(rng))


def modulate_band(wave: Wave, other: Wave, rng: np.random.Generator) -> Wave:
    """Let a frequency band swell and fade 1 to 10 times a second, as an unbalanced part does."""
    phase = 2 * np.pi * rng.uniform(1, 10) * np.arange(len(wave)) / SAMPLE_RATE_HZ
    return wave + rng.uniform(*DEPTH) * np.sin(phase) * _band_of(wave, _band(rng))


def swap_band(wave: Wave, other: Wave, rng: np.random.Generator) -> Wave:
    """Take a frequency band from another normal clip, so that bands occur together that never do."""
    band = _band(rng)
    return wave + _band_of(np.resize(other, len(wave)), band) - _band_of(wave, band)


def change_speed(wave: Wave, other: Wave, rng: np.random.Generator) -> Wave:
    """Play the clip 2 to 8 % faster or slower."""
    factor = 1 + rng.choice([-1, 1]) * rng.uniform(*SPEED)
    return np.interp(np.arange(0, len(wave) - 1, factor), np.arange(len(wave)), wave)


FAULTS: Mapping[str, Callable[[Wave, Wave, np.random.Generator], Wave]] = {
    "tone": add_tone,
    "impacts": add_impacts,
    "band_level": change_band,
    "band_modulation": modulate_band,
    "band_swap": swap_band,
    "speed": change_speed,
}


def inject(fault: str, wave: Wave, other: Wave, rng: np.random.Generator) -> NDArray[np.float32]:
    """Inject a fault into a normal clip.

    Parameters
    ----------
    fault : str
        A key of `FAULTS`.
    wave : float64 [T]
        A clip at 16 kHz.
    other : float64 [S]
        Another normal clip of the same machine; only "band_swap" uses it.
    rng : Generator
        Draws place and strength.

    Returns
    -------
    float32 [about T]
        Only "speed" changes the length.

    Raises
    ------
    StridorError
        If there is no such fault.
    """
    if fault not in FAULTS:
        raise StridorError(f"There is no fault '{fault}'; choose among {', '.join(FAULTS)}.")
    wave, other = (np.asarray(one, dtype=np.float64) for one in (wave, other))
    return FAULTS[fault](wave, other, rng).astype(np.float32)


def _scaled(addition: Wave, wave: Wave, rng: np.random.Generator) -> Wave:
    """Bring an addition to a level drawn from LEVEL_DB below that of the clip."""
    level = _rms(wave) * 10 ** (rng.uniform(*LEVEL_DB) / 20)
    return addition * level / max(_rms(addition), np.finfo(np.float64).tiny)


def _rms(wave: Wave) -> float:
    return float(np.sqrt(np.mean(wave * wave)))


def _band(rng: np.random.Generator) -> tuple[float, float]:
    low = _log_uniform(rng, LOWEST_HZ, HIGHEST_HZ / 2 ** OCTAVES[0])
    return low, low * 2 ** rng.uniform(*OCTAVES)


def _band_of(wave: Wave, band: tuple[float, float]) -> Wave:
    """Return the part of a wave within a frequency band."""
    frequencies = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE_HZ)
    spectrum = np.fft.rfft(wave)
    spectrum[(frequencies < band[0]) | (frequencies >= band[1])] = 0
    return np.fft.irfft(spectrum, len(wave))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
