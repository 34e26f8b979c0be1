"""Building blocks of sound: harmonics of a turning part, coloured noise, slow drift, decibels."""

from functools import lru_cache
from typing import overload

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

SAMPLE_RATE_HZ = 16_000

# Long enough that straight lines between its points stay 70 dB below a 60th harmonic.
_TABLE_POINTS = 8192


def sample_count(seconds: float) -> int:
    """Return the number of samples in `seconds`."""
    return round(seconds * SAMPLE_RATE_HZ)


@overload
def gain(db: float) -> float: ...


@overload
def gain(db: np.ndarray) -> np.ndarray: ...


def gain(db: float | np.ndarray) -> float | np.ndarray:
    """Return the amplitude factor of a level in dB."""
    return 10.0 ** (np.asarray(db, dtype=np.float64) / 20.0)


def rms(wave: np.ndarray) -> float:
    """Return the root mean square of a wave."""
    return float(np.sqrt(np.mean(np.square(wave))))


def unit(wave: np.ndarray) -> np.ndarray:
    """Return the wave without its mean, at an rms of one; silence stays silence."""
    wave = wave - np.mean(wave)
    level = rms(wave)
    return wave / level if level > 0.0 else wave


def turns(rate_hz: np.ndarray) -> np.ndarray:
    """Return the angle of a turning part, in turns, from its rate at every sample.

    Parameters
    ----------
    rate_hz : ndarray[T], turns per second; negative while turning back
    """
    return np.cumsum(rate_hz) / SAMPLE_RATE_HZ


def drift(rng: np.random.Generator, samples: int, spread: float, knots_per_second: float = 2.0) -> np.ndarray:
    """Return a slow random curve around zero, as load and speed wander in a running machine.

    Parameters
    ----------
    spread : standard deviation of the curve
    knots_per_second : how often it changes its mind

    Returns
    -------
    ndarray[T]
    """
    knots = max(4, int(np.ceil(samples / SAMPLE_RATE_HZ * knots_per_second)) + 1)
    values = spread * rng.standard_normal(knots)
    left, weight = _between_knots(knots, samples)
    return values[left] * (1.0 - weight) + values[left + 1] * weight


# All clips of a machine have the same length.
@lru_cache(maxsize=8)
def _between_knots(knots: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each sample the knot on its left, and the weight of the one on its right."""
    position = np.linspace(0.0, knots - 1.0, samples)
    left = np.minimum(position.astype(np.int64), knots - 2)
    # A raised cosine between neighbours keeps the slope continuous, so that no click betrays a knot.
    return left, 0.5 - 0.5 * np.cos(np.pi * (position - left))


def harmonics(angle: np.ndarray, amplitudes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the sum of the harmonics of one turning part, each with a random phase.

    Parameters
    ----------
    angle : ndarray[T], in turns
    amplitudes : ndarray[H], of the 1st, 2nd, ... harmonic
    """
    amplitudes = np.asarray(amplitudes, dtype=np.float64)
    spectrum = np.zeros(_TABLE_POINTS // 2 + 1, dtype=np.complex128)
    phases = rng.uniform(0.0, 2.0 * np.pi, amplitudes.size)
    spectrum[1 : amplitudes.size + 1] = amplitudes * np.exp(1j * phases) * _TABLE_POINTS / 2
    table = irfft(spectrum, _TABLE_POINTS)
    table = np.append(table, table[0])
    position = np.mod(angle, 1.0) * _TABLE_POINTS
    left = np.minimum(position.astype(np.int64), _TABLE_POINTS - 1)
    weight = position - left
    return table[left] * (1.0 - weight) + table[left + 1] * weight


def falling(count: int, db_per_octave: float) -> np.ndarray:
    """Return the amplitudes of `count` harmonics that fall by `db_per_octave`."""
    return gain(-db_per_octave * np.log2(np.arange(1, count + 1)))


def coloured_noise(
    rng: np.random.Generator, samples: int, db_per_octave: float = 0.0, low_hz: float = 20.0, high_hz: float = 8000.0
) -> np.ndarray:
    """Return noise of unit rms whose spectrum tilts within a band and falls off steeply outside.

    Parameters
    ----------
    db_per_octave : slope within the band; negative is duller
    low_hz, high_hz : edges of the band, where it is 3 dB down
    """
    size = next_fast_len(samples, real=True)
    shape = _band(size, db_per_octave, low_hz, high_hz)
    return unit(irfft(rfft(rng.standard_normal(samples), size) * shape, size)[:samples])


@lru_cache(maxsize=32)
def _band(size: int, db_per_octave: float, low_hz: float, high_hz: float) -> np.ndarray:
    """Return the gain of a band with a slope at the frequencies of a real FFT of `size` points."""
    frequency_hz = np.maximum(rfftfreq(size, 1.0 / SAMPLE_RATE_HZ), 1.0)
    shape = gain(db_per_octave * np.log2(frequency_hz / 1000.0))
    return shape / np.sqrt((1.0 + (low_hz / frequency_hz) ** 6) * (1.0 + (frequency_hz / high_hz) ** 6))


def pulse_shape(angle: np.ndarray, sharpness: float) -> np.ndarray:
    """Return a smooth bump from 0 to 1 once per turn; a higher `sharpness` makes it shorter."""
    return np.exp(sharpness * (np.cos(2.0 * np.pi * angle) - 1.0))
