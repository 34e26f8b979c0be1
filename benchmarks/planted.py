"""Faults of a known second and frequency, planted into normal clips, and whether a marked place covers one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.explanation.oddness import Place, band_of, lower_edge_hz

# Above the clip's mean power in the same band.
LEVEL_DB = 12.0
BURST_SECONDS, TONE_SECONDS, STROKE_SECONDS = 0.15, 1.0, 0.3
# A clip whose loudest moment is not so far above its quietest ones has no strokes.
LEAST_STROKE_DB = 6.0
_RAMP, _GRAIN, _STEP = 320, 960, 160


@dataclass(frozen=True, eq=False)
class Planted:
    """A clip with a fault, float32 [T], and where the fault is."""

    wave: np.ndarray
    start_seconds: float
    end_seconds: float
    low_hz: float
    high_hz: float


def burst(wave: np.ndarray, rng: np.random.Generator) -> Planted:
    """Add 0.15 s of noise in 16 mel bands."""
    band = int(rng.integers(16, 108))
    low, high = lower_edge_hz(band), lower_edge_hz(band + 16)
    count = round(BURST_SECONDS * SAMPLE_RATE_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE_HZ)
    spectrum[(hz < low) | (hz > high)] = 0
    noise = np.fft.irfft(spectrum, count)
    noise *= np.sqrt(_power(wave, low, high) / np.square(noise).mean())
    return _added(wave, noise * np.hanning(count) ** 0.25, rng, low, high)


def tone(wave: np.ndarray, rng: np.random.Generator) -> Planted:
    """Add a tone of one second; its level is above that of one mel band."""
    band = int(rng.integers(16, 120))
    low, high = lower_edge_hz(band), lower_edge_hz(band + 1)
    count = round(TONE_SECONDS * SAMPLE_RATE_HZ)
    cycles = (low + high) / 2 * np.arange(count) / SAMPLE_RATE_HZ
    added = np.sqrt(2 * _power(wave, low, high)) * np.sin(2 * np.pi * cycles) * _ramps(count)
    return _added(wave, added, rng, lower_edge_hz(band - 1), lower_edge_hz(band + 2))


def missing_stroke(wave: np.ndarray, rng: np.random.Generator) -> Planted:
    """Replace the loudest 0.3 s by grains of the quietest moments; a clip without strokes falls by 12 dB."""
    count = round(STROKE_SECONDS * SAMPLE_RATE_HZ)
    power = np.convolve(np.square(wave.astype(np.float64)), np.ones(480) / 480, "same")
    over_time = np.convolve(power, np.ones(count) / count, "valid")
    first, last = int(0.1 * len(over_time)), int(0.9 * len(over_time))
    start = first + int(np.argmax(over_time[first:last]))
    outside = power.copy()
    outside[max(0, start - _GRAIN) : start + count + _GRAIN] = np.inf
    places = np.arange(0, len(wave) - _GRAIN, _STEP)
    quietest = places[np.argsort([outside[at : at + _GRAIN].mean() for at in places])[:8]]
    stroke, fill = wave[start : start + count].astype(np.float64), _of_grains(wave, quietest, count, rng)
    if 10 * np.log10(np.square(stroke).mean() / np.square(fill).mean()) < LEAST_STROKE_DB:
        fill = stroke * 10 ** (-LEVEL_DB / 20)
    ramps, faulty = _ramps(count), wave.astype(np.float64)
    faulty[start : start + count] = stroke * (1 - ramps) + fill * ramps
    seconds = start / SAMPLE_RATE_HZ
    return Planted(faulty.astype(np.float32), seconds, seconds + STROKE_SECONDS, lower_edge_hz(0), lower_edge_hz(128))


FAULTS: dict[str, Callable[[np.ndarray, np.random.Generator], Planted]] = {
    "burst": burst, "tone": tone, "missing stroke": missing_stroke,
}  # fmt: skip


def covers(place: Place, fault: Planted) -> bool:
    """Tell whether a place is where a fault is: in time and in mel bands, they share half of the shorter of the two."""
    seconds = _shares_half((place.start_seconds, place.end_seconds), (fault.start_seconds, fault.end_seconds))
    own, true = ((band_of(one.low_hz), band_of(one.high_hz)) for one in (place, fault))
    return seconds and _shares_half(own, true)


def _shares_half(one: tuple[float, float], other: tuple[float, float]) -> bool:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared >= 0.5 * min(one[1] - one[0], other[1] - other[0])


def _added(wave: np.ndarray, fault: np.ndarray, rng: np.random.Generator, low: float, high: float) -> Planted:
    start = int(rng.uniform(0.05, 0.95) * (len(wave) - len(fault)))
    faulty = wave.astype(np.float64)
    faulty[start : start + len(fault)] += 10 ** (LEVEL_DB / 20) * fault
    seconds = start / SAMPLE_RATE_HZ
    end = seconds + len(fault) / SAMPLE_RATE_HZ
    return Planted(faulty.clip(-1, 1).astype(np.float32), seconds, end, low, high)


def _power(wave: np.ndarray, low_hz: float, high_hz: float) -> float:
    """Return the mean power of a wave between two frequencies."""
    spectrum = np.square(np.abs(np.fft.rfft(wave)))
    hz = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE_HZ)
    return float(2 * spectrum[(hz >= low_hz) & (hz <= high_hz)].sum() / len(wave) ** 2)


def _of_grains(wave: np.ndarray, places: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return so many samples of overlapping grains from given places, of the same power as these."""
    window = np.hanning(_GRAIN)
    filled, weight = np.zeros(count + _GRAIN), np.zeros(count + _GRAIN)
    for at in range(0, count, _GRAIN // 2):
        grain = wave[(source := int(rng.choice(places))) : source + _GRAIN]
        filled[at : at + _GRAIN] += grain * window
        weight[at : at + _GRAIN] += window**2
    return (filled / np.sqrt(np.maximum(weight, 1e-3)))[:count]


def _ramps(count: int) -> np.ndarray:
    """Return ones that begin and end in ramps of 20 ms."""
    return np.minimum(1.0, np.minimum(np.arange(count), np.arange(count)[::-1]) / _RAMP)
