"""How unusual a difference to the normal clips is, at every moment and frequency, and where it is strongest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label, uniform_filter

from stridor.audio.fbank import FRAME_SAMPLES, HOP_SAMPLES, MEL_BANDS
from stridor.audio.files import SAMPLE_RATE_HZ

# Frames and mel bands that a difference is averaged over: a click, a tone, a rattle, and half of what is heard.
SCALES = ((4, 2), (48, 1), (12, 8), (24, MEL_BANDS // 2))
MOST_PLACES = 3
# Looked at, of which those around stronger ones are passed over.
MOST_REGIONS = 12
# A place reaches as far as the strength stays above this share of its highest.
REACH = 0.5
SMALLEST_DIFFERENCE_DB = 0.5
# Decibels; what varies less in normal clips is no sound but the floor of the logarithm.
SMALLEST_DEVIATION_DB = 0.01
_MEL_LOW, _MEL_HIGH = (1127.0 * np.log1p(hz / 700.0) for hz in (20.0, SAMPLE_RATE_HZ / 2))


@dataclass(frozen=True)
class Place:
    """A part of a clip that is unlike the normal clips.

    Attributes
    ----------
    start_seconds, end_seconds : float
        Within the clip.
    low_hz, high_hz : float
    strength : float
        1 is that of the strongest place in a typical normal clip.
    decibels : float
        Mean difference to what the nearest normal clips would sound like; below 0 if something is missing.
    as_strong, clips : int
        Of so many normal clips, the strongest place of so many is as strong.
    """

    start_seconds: float
    end_seconds: float
    low_hz: float
    high_hz: float
    strength: float
    decibels: float
    as_strong: int
    clips: int


class NormalOddness:
    """How far normal clips are from each other, at every scale and in every mel band.

    A difference is averaged at every scale of `SCALES` and standardised by mean and deviation of the normal clips' own
    differences in its mel band. The strength is the largest of these over the scales, louder and quieter apart, each
    divided by the median of what it reaches in a normal clip.

    Parameters
    ----------
    differences : sequence of float32 [T_i x 128]
        Of normal clips to other normal clips, as from `difference`.

    Attributes
    ----------
    highest_ : float64 [clips]
        The largest strength in each of these clips, in ascending order.
    """

    def __init__(self, differences: Sequence[np.ndarray]) -> None:
        averaged = [_averaged(one) for one in differences]
        every = np.concatenate(averaged, axis=1)
        self._mean = every.mean(axis=1, keepdims=True)
        self._deviation = np.maximum(every.std(axis=1, keepdims=True), SMALLEST_DEVIATION_DB)
        standard = [self._standardised(one) for one in averaged]
        # Louder and quieter apart: surroundings add clicks to normal clips, but take nothing away.
        self._typical = np.array(
            [np.median([(sign * one).max(axis=(1, 2)) for one in standard], axis=0) for sign in (1, -1)]
        ).clip(min=1.0)[..., None, None]
        self.highest_ = np.sort([np.abs(self._joined(one)).max() for one in standard])

    def strength(self, difference: np.ndarray) -> np.ndarray:
        """Return how unusual a difference `[T x 128]` is, of the same shape; below 0 where something is missing."""
        return self._joined(self._standardised(_averaged(difference)))

    def places(self, strength: np.ndarray, difference: np.ndarray, most: int = MOST_PLACES) -> list[Place]:
        """Return the strongest places, the strongest first.

        The first is always there. The others are as strong as the strongest in a typical normal clip, or stronger.

        Parameters
        ----------
        strength, difference : float [T x 128]
            As from `strength`, and what it was computed from.
        most : int
        """
        left = np.array(strength, dtype=np.float64)
        found: list[Place] = []
        for _ in range(MOST_REGIONS):
            frame, band = np.unravel_index(np.argmax(np.abs(left)), left.shape)
            highest = left[frame, band]
            if found and abs(highest) < 1.0:
                break
            regions, _ = label(left * np.sign(highest) >= REACH * abs(highest))
            here = regions == regions[frame, band]
            left[_around(here)] = 0.0
            place = self._place(here, abs(float(highest)), float(difference[here].mean()))
            # Beside what is odd, the larger scales are odd because of it, without a difference of its own or within it.
            own = place.decibels * np.sign(highest) >= SMALLEST_DIFFERENCE_DB
            if not found or (own and not any(_overlap(place, other) for other in found)):
                found.append(place)
            if len(found) == most:
                break
        return found

    def _place(self, here: np.ndarray, strength: float, decibels: float) -> Place:
        frames, bands = (np.flatnonzero(here.any(axis=axis)) for axis in (1, 0))
        return Place(
            start_seconds=float(frames[0] * HOP_SAMPLES / SAMPLE_RATE_HZ),
            end_seconds=float((frames[-1] * HOP_SAMPLES + FRAME_SAMPLES) / SAMPLE_RATE_HZ),
            low_hz=lower_edge_hz(bands[0]),
            high_hz=lower_edge_hz(bands[-1] + 1),
            strength=strength,
            decibels=decibels,
            as_strong=int((self.highest_ >= strength).sum()),
            clips=len(self.highest_),
        )

    def _standardised(self, averaged: np.ndarray) -> np.ndarray:
        return (averaged - self._mean) / self._deviation

    def _joined(self, standardised: np.ndarray) -> np.ndarray:
        """Return the strongest over the scales with its sign, `[S x T x 128]` to `[T x 128]`."""
        louder = (standardised / self._typical[0]).max(axis=0)
        quieter = (-standardised / self._typical[1]).max(axis=0)
        return np.where(louder >= quieter, louder, -quieter)


def lower_edge_hz(band: float) -> float:
    """Return where a mel band begins: half-way between its centre and that of the band below."""
    mel = _MEL_LOW + (band + 0.5) * (_MEL_HIGH - _MEL_LOW) / (MEL_BANDS + 1)
    return float(700.0 * np.expm1(mel / 1127.0))


def band_of(hz: float) -> float:
    """Return the mel band of a frequency, `lower_edge_hz` the other way round."""
    mel = 1127.0 * np.log1p(hz / 700.0)
    return float((mel - _MEL_LOW) * (MEL_BANDS + 1) / (_MEL_HIGH - _MEL_LOW) - 0.5)


def _around(here: np.ndarray) -> tuple[slice, slice]:
    """Return a region's surroundings, where the largest scale is odd because of it."""
    sides = []
    for axis, size in ((1, SCALES[-1][0]), (0, SCALES[-1][1])):
        inside = np.flatnonzero(here.any(axis=axis))
        sides.append(slice(max(0, int(inside[0]) - size // 2), int(inside[-1]) + 1 + size // 2))
    return sides[0], sides[1]


def _overlap(one: Place, other: Place) -> bool:
    """Tell whether one of two places contains the greater part of the other."""
    seconds = min(one.end_seconds, other.end_seconds) - max(one.start_seconds, other.start_seconds)
    bands = min(band_of(one.high_hz), band_of(other.high_hz)) - max(band_of(one.low_hz), band_of(other.low_hz))
    areas = [(p.end_seconds - p.start_seconds) * (band_of(p.high_hz) - band_of(p.low_hz)) for p in (one, other)]
    return min(seconds, bands) > 0 and seconds * bands > 0.5 * min(areas)


def _averaged(difference: np.ndarray) -> np.ndarray:
    """Return a difference averaged at every scale, `[S x T x 128]`."""
    return np.stack([uniform_filter(difference, size, mode="nearest") for size in SCALES])
