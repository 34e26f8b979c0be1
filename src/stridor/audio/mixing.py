"""Mixing at a signal-to-noise ratio, measured on mean power."""

import numpy as np

from stridor.common.errors import StridorError


def mean_power(wave: np.ndarray) -> float:
    """Return the mean of the squared samples of `wave [T]`."""
    return float(np.mean(np.square(wave, dtype=np.float64)))


def scale_to_snr(signal: np.ndarray, noise: np.ndarray, snr_db: float, name: str) -> np.ndarray:
    """Scale a noise to a given signal-to-noise ratio.

    Parameters
    ----------
    signal, noise : array [T]
        Of the same length.
    snr_db : float
        10 · log10 of the ratio of the signal's mean power to the scaled noise's.
    name : str
        Name of the signal's clip, for the error message.

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
    """Return `samples` samples of a noise from `start` on, repeating the noise as often as needed."""
    return np.take(noise, np.arange(start, start + samples), mode="wrap")
