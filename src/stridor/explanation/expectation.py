"""What the nearest normal recordings would sound like in the place of a clip, and the difference to that."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from stridor.audio.fbank import MEL_BANDS

# About a second: long enough to know that a stroke is due.
PATCH_FRAMES = 96
# Patches are compared by the means of squares of so many frames and mel bands, and begin so many frames apart.
SQUARE = 4
NEAREST_PATCHES = 5
PATCHES_AT_A_TIME = 256


def difference(image: np.ndarray, normals: Sequence[np.ndarray], patch_frames: int) -> np.ndarray:
    """Return what a clip has more or less than the nearest normal patches, at every moment and frequency.

    Every stretch of the clip is compared with all stretches of the normal clips, whenever they are. The mean of the
    nearest takes its place, and the overlapping stretches of the clip are joined with a Hann window. What is left after
    subtraction is local although a long stretch is compared: the one stroke that all the others have. (The nearest
    normal patches are those of PatchCore, Roth et al., "Towards total recall in industrial anomaly detection", CVPR
    2022, here of the spectrogram itself.)

    Parameters
    ----------
    image : float32 [T x 128]
        Log-mel image in decibels.
    normals : sequence of float32 [T_i x 128]
        At least one.
    patch_frames : int
        At least 4, and at most the frames of the shortest of all images.

    Returns
    -------
    float32 [T x 128]
        Decibels; above 0 where the clip is louder.
    """
    last = len(image) - patch_frames
    starts = sorted({*range(0, last + 1, SQUARE), last})
    places = [(normal, at) for normal in normals for at in range(0, len(normal) - patch_frames + 1, SQUARE)]
    known = torch.cat([_vectors(normal, patch_frames, range(0, len(normal) - patch_frames + 1, SQUARE))
                       for normal in normals])  # fmt: skip
    weight = np.hanning(patch_frames + 2)[1:-1].astype(np.float32)[:, None]
    expected, total = np.zeros_like(image), np.zeros((len(image), 1), dtype=np.float32)
    for first in range(0, len(starts), PATCHES_AT_A_TIME):
        some = starts[first : first + PATCHES_AT_A_TIME]
        distances = torch.cdist(_vectors(image, patch_frames, some), known)
        nearest = distances.topk(min(NEAREST_PATCHES, len(places)), dim=1, largest=False).indices.tolist()
        for start, ranked in zip(some, nearest, strict=True):
            found = [places[index] for index in ranked]
            mean = sum(normal[at : at + patch_frames] for normal, at in found) / len(found)
            expected[start : start + patch_frames] += weight * mean
            total[start : start + patch_frames] += weight
    return np.asarray(image - expected / total, dtype=np.float32)


def _vectors(image: np.ndarray, patch_frames: int, starts: Sequence[int]) -> Tensor:
    """Return patches as vectors, Tensor[starts x D]."""
    rows = patch_frames // SQUARE
    # patches x mel bands x frames; only those asked for are copied.
    patches = sliding_window_view(image, patch_frames, axis=0)[np.asarray(starts), :, : rows * SQUARE]
    squares = patches.reshape(len(patches), MEL_BANDS // SQUARE, SQUARE, rows, SQUARE).mean(axis=(2, 4))
    return torch.from_numpy(squares.reshape(len(patches), -1))
