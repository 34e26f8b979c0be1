"""How a part runs in practice: never quite at its rate, never quite at one loudness."""

import numpy as np

from .signals import drift, gain


def running_rate(rng: np.random.Generator, samples: int, rate_hz: float, spread: float = 0.02) -> np.ndarray:
    """Return the rate of a part at every sample: off by up to `spread` by clip, and a little within it."""
    return rate_hz * (1.0 + rng.uniform(-spread, spread) + drift(rng, samples, spread / 8.0))


def wandering(rng: np.random.Generator, samples: int, spread_db: float = 1.5) -> np.ndarray:
    """Return the amplitude of a part that waxes and wanes: by clip, and slowly within it."""
    return gain(rng.normal(0.0, spread_db) + drift(rng, samples, spread_db / 2.0))


def partials(rate_hz: float, limit: int = 40) -> int:
    """Return how many harmonics of a rate stay below the Nyquist frequency."""
    return int(np.clip(7200.0 / rate_hz, 1, limit))
