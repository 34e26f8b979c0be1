"""Mixing at a signal-to-noise ratio, measured on mean power."""

import numpy as np

from stridor.common.errors import StridorError


def mean_power(wave: np.ndarray) -> float:
    """Mean of the squared samples of `wave [T]`."""
    return float(np.mean(np.square(wave, dtype=np.float64)))


def scale_to_snr(signal: np.ndarray, noise: np.ndarray, snr_db: float, name: str) -> np.ndarray:
    """Scale a noise so that a signal stands above it by so many decibels.

    Parameters
    ----------
    signal, noise : array [T]
        Of the same length.
    snr_db : float
        Ten times the decimal logarithm of the signal's mean power over the scaled noise's.
    name : str
        Of the signal's clip, for the message.

    Returns
    -------
    array [T]
        The scaled noise.

    Raises
    ------
    StridorError
        If signal or noise is silent: silence has no signal-to-noise ratio.
    """
    signal_power, noise_power = mean_power(signal), mean_power(noise)
    if signal_power == 0 or noise_power == 0:
        silent = "clip" if signal_power == 0 else "noise to be mixed with the clip"
        raise StridorError(f"The {silent} {name} is silent and has no signal-to-noise ratio; remove it.")
    return noise * np.sqrt(signal_power / noise_power / 10 ** (snr_db / 10))


def fit_length(noise: np.ndarray, samples: int, start: int) -> np.ndarray:
    """Cut `samples` samples out of a noise from `start` on, beginning anew at its end as often as needed."""
    return np.take(noise, np.arange(start, start + samples), mode="wrap")
