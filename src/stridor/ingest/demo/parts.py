"""Sounds that many faults share: something scrapes, rattles or squeals."""

import numpy as np

from stridor.ingest.demo.impacts import Body, random_times, strikes
from stridor.ingest.demo.signals import SAMPLE_RATE_HZ, coloured_noise, drift, gain, harmonics, pulse_shape, turns, unit


def scrape(
    rng: np.random.Generator, angle: np.ndarray, low_hz: float, high_hz: float, sharpness: float = 20.0
) -> np.ndarray:
    """Return noise of two surfaces that touch once per turn of `angle`; ndarray[T] of unit rms."""
    return unit(coloured_noise(rng, angle.size, 0.0, low_hz, high_hz) * pulse_shape(angle, sharpness))


def rattle(rng: np.random.Generator, samples: int, body: Body, per_second: float) -> np.ndarray:
    """Return a part that knocks at random, now more, now less; ndarray[T] of unit rms."""
    times = random_times(rng, 3.0 * per_second, samples / SAMPLE_RATE_HZ)
    mood = 1.0 + drift(rng, samples, 1.0, knots_per_second=4.0)
    keep = rng.random(times.size) < mood[(times * SAMPLE_RATE_HZ).astype(np.int64)] / 3.0
    strengths = rng.lognormal(0.0, 0.5, times.size) * rng.choice([-1.0, 1.0], times.size)
    return unit(body.ring(strikes(times[keep], strengths[keep], samples)))


def squeal(rng: np.random.Generator, envelope: np.ndarray, pitch_hz: float) -> np.ndarray:
    """Return the unsteady stick-slip tone of dry surfaces under an envelope; ndarray[T] of unit rms."""
    samples = envelope.size
    pitch = pitch_hz * np.exp(rng.normal(0.0, 0.06) + drift(rng, samples, 0.03, knots_per_second=12.0))
    # The pitch may wander up by a fifth; what would then pass the Nyquist frequency is left out.
    overtones = np.array([1.0, 0.35, 0.2])[: int(np.clip(7500.0 / (1.2 * pitch_hz), 1, 3))]
    voice = harmonics(turns(pitch), overtones, rng)
    breath = coloured_noise(rng, samples, 0.0, 0.7 * pitch_hz, min(7800.0, 2.0 * pitch_hz))
    return unit((voice + 0.7 * breath) * envelope)


def running_rate(rng: np.random.Generator, samples: int, rate_hz: float, spread: float = 0.02) -> np.ndarray:
    """Return the rate of a part at every sample: off by up to `spread` by clip, and a little within it."""
    return rate_hz * (1.0 + rng.uniform(-spread, spread) + drift(rng, samples, spread / 8.0))


def wandering(rng: np.random.Generator, samples: int, spread_db: float = 1.5) -> np.ndarray:
    """Return the amplitude of a part that waxes and wanes: by clip, and slowly within it."""
    return gain(rng.normal(0.0, spread_db) + drift(rng, samples, spread_db / 2.0))


def partials(rate_hz: float, limit: int = 40) -> int:
    """Return how many harmonics of a rate stay below the Nyquist frequency."""
    return int(np.clip(7200.0 / rate_hz, 1, limit))
