"""Distances between the patches of clips: each to the nearest patch of a normal clip, at any time, in its own band."""

import numpy as np
from numpy.typing import NDArray

from stridor.common.errors import StridorError
from stridor.params.scoring_sections import Metric
from stridor.scoring.distances import distances


def patches_of(embeddings: NDArray[np.float64], bands: int, count: int) -> NDArray[np.float64]:
    """Return the patches in embeddings `[N x D]` of the pooling `patches`, `[bands x N x count x width]`.

    Raises
    ------
    StridorError
        If the values cannot be those of so many patches a band.
    """
    if embeddings.shape[1] % (bands * count):
        raise StridorError(
            f"An embedding of {embeddings.shape[1]} values does not hold {count} patches in each of {bands} frequency "
            "bands; set the parameter embedding.pooling to patches or bank.bands to joint."
        )
    return np.ascontiguousarray(embeddings.reshape(len(embeddings), bands, count, -1).transpose(1, 0, 2, 3))


def nearest_patch_distances(
    queries: NDArray[np.float64], memory: NDArray[np.float64], metric: Metric
) -> NDArray[np.float64]:
    """Return the distance of every patch of some clips to the nearest patch of every normal clip.

    Parameters
    ----------
    queries : float64 [bands x Q x K x width]
    memory : float64 [bands x R x L x width]
        Of the normal clips.
    metric : "euclidean" or "cosine"

    Returns
    -------
    float64 [bands · K x Q x R]
        The least over the L patches of a normal clip, which may be of any time, but of the same band.
    """
    bands, clips, count, width = queries.shape
    normals, kept = memory.shape[1:3]
    found = np.empty((bands, count, clips, normals))
    for band in range(bands):
        flat = memory[band].reshape(normals * kept, width)
        # A clip at a time bounds the memory.
        for clip in range(clips):
            apart = distances(queries[band, clip], flat, metric).reshape(count, normals, kept)
            found[band, :, clip] = apart.min(axis=2)
    return found.reshape(bands * count, clips, normals)
