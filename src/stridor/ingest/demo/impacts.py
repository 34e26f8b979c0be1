"""Impacts and what they set ringing: strikes at given times, and the resonances of a machine's body."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve

from stridor.ingest.demo.signals import SAMPLE_RATE_HZ, gain


def strikes(times_seconds: np.ndarray, strengths: float | np.ndarray, samples: int) -> np.ndarray:
    """Return an impulse at every time, shared between the two samples it falls between.

    Parameters
    ----------
    times_seconds : ndarray[N]
        Those outside the wave are left out.
    strengths : ndarray[N] or float
    samples : int
        Length T of the wave.

    Returns
    -------
    ndarray[T]
    """
    position = np.asarray(times_seconds, dtype=np.float64) * SAMPLE_RATE_HZ
    strengths = np.broadcast_to(np.asarray(strengths, dtype=np.float64), position.shape)
    inside = (position >= 0.0) & (position < samples - 1)
    position, strengths = position[inside], strengths[inside]
    left = position.astype(np.int64)
    weight = position - left
    wave = np.zeros(samples)
    np.add.at(wave, left, strengths * (1.0 - weight))
    np.add.at(wave, left + 1, strengths * weight)
    return wave


def crossings(angle: np.ndarray, offset: float = 0.0) -> np.ndarray:
    """Return the times (seconds) at which a growing angle passes offset, offset + 1, ... turns."""
    first, last = np.ceil(angle[0] - offset), np.floor(angle[-1] - offset)
    marks = np.arange(first, last + 1.0) + offset
    return np.interp(marks, angle, np.arange(angle.size)) / SAMPLE_RATE_HZ


def since_latest(times_seconds: np.ndarray, samples: int) -> np.ndarray:
    """Return how long ago (seconds) the latest event was at every sample; infinity before the first."""
    if times_seconds.size == 0:
        return np.full(samples, np.inf)
    events, time = np.sort(times_seconds), np.arange(samples) / SAMPLE_RATE_HZ
    latest = np.searchsorted(events, time, side="right") - 1
    return np.where(latest >= 0, time - events[np.maximum(latest, 0)], np.inf)


def random_times(rng: np.random.Generator, per_second: float, seconds: float) -> np.ndarray:
    """Return the sorted times of events that come independently of each other."""
    return np.sort(rng.uniform(0.0, seconds, rng.poisson(per_second * seconds)))


@dataclass(frozen=True)
class Body:
    """The resonances through which a mechanism is heard; the same `unit` always rings the same way."""

    unit: int  # number of the individual (two cars of one make ring slightly differently)
    low_hz: float  # range of the resonances
    high_hz: float
    modes: int = 5  # how many
    decay_ms: float = 6.0  # time in which the lowest falls to 1/e; higher ones fall faster

    def response(self) -> np.ndarray:
        """Return the impulse response, ndarray[R] of unit energy."""
        rng = np.random.default_rng([self.unit, self.modes])
        place = (np.arange(self.modes) + rng.uniform(0.15, 0.85, self.modes)) / self.modes
        frequency_hz = self.low_hz * (self.high_hz / self.low_hz) ** place
        decay_seconds = self.decay_ms / 1000.0 * np.sqrt(frequency_hz[0] / frequency_hz)
        weights = gain(rng.uniform(-9.0, 0.0, self.modes))
        time = np.arange(int(7.0 * decay_seconds[0] * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        ringing = np.exp(-time[:, None] / decay_seconds) * np.sin(2.0 * np.pi * frequency_hz * time[:, None])
        # Summed without BLAS, whose number of threads could show in the last bit.
        response = np.sum(ringing * weights, axis=1)
        return response / np.sqrt(np.sum(response**2))

    def ring(self, excitation: np.ndarray) -> np.ndarray:
        """Return the sound of the body driven by `excitation`, ndarray[T]."""
        return fftconvolve(excitation, self.response())[: excitation.size]
