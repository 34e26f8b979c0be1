"""The normal recordings of a machine, and how far they are from each other and from a clip."""

from collections.abc import Mapping

import numpy as np

from stridor.explanation.expectation import PATCH_FRAMES, SQUARE, difference
from stridor.explanation.normals import Recorded, read_normals
from stridor.explanation.oddness import NormalOddness
from stridor.serving.detector import Detector

# Whose patches a clip is compared with: the nearest by mean and deviation of their spectrum over time. Of normal clips
# with planted faults, more are marked than with the nearest by the detector's distance.
NEAREST_CLIPS = 16
# Normal clips that are compared with the others, to know how far normal clips are from each other.
COMPARED_CLIPS = 24


class KnownMachine:
    """The normal recordings that a detector learnt a machine from, ready to compare a clip with.

    Parameters
    ----------
    detector : Detector
    name : str
        Of the machine.
    paths : mapping of str to Recorded
        Its normal recordings by name, as from `find_normals`.

    Raises
    ------
    StridorError
        As from `read_normals`.
    """

    def __init__(self, detector: Detector, name: str, paths: Mapping[str, Recorded]) -> None:
        self.name, self.paths = name, paths
        self._normals = read_normals(detector, name, paths)
        self._spectra = np.stack([_spectrum(normal.image) for normal in self._normals])
        self._shortest = min(len(normal.image) for normal in self._normals)
        self._known: dict[int, NormalOddness] = {}

    def difference(self, image: np.ndarray) -> np.ndarray:
        """Compare a clip with the normal ones nearest to it, `[T x 128]`."""
        return self._difference(image, self._patch(len(image)), None)

    def oddness(self, frames: int) -> NormalOddness:
        """Return how far normal clips are from each other, for a clip of so many frames."""
        patch = self._patch(frames)
        if patch not in self._known:
            some = np.linspace(0, len(self._normals) - 1, min(COMPARED_CLIPS, len(self._normals))).astype(int)
            self._known[patch] = NormalOddness(
                [self._difference(self._normals[index].image, patch, index) for index in some.tolist()]
            )
        return self._known[patch]

    def _difference(self, image: np.ndarray, patch: int, itself: int | None) -> np.ndarray:
        ranked = np.argsort(np.abs(self._spectra - _spectrum(image)).sum(axis=1), kind="stable")
        nearest = [index for index in ranked.tolist() if index != itself][:NEAREST_CLIPS]
        return difference(image, [self._normals[index].image for index in nearest], patch)

    def _patch(self, frames: int) -> int:
        return max(SQUARE, min(PATCH_FRAMES, frames, self._shortest) // SQUARE * SQUARE)


def _spectrum(image: np.ndarray) -> np.ndarray:
    """Return mean and deviation over time of an image `[T x 128]`, float [256]."""
    return np.concatenate([image.mean(axis=0), image.std(axis=0)])
