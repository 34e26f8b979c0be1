"""Exact distances between embeddings, independent of the batch."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.common.errors import StridorError
from stridor.params.scoring_sections import Metric

# The square of a difference of two, and the sum of many of these, is finite.
LARGEST_VALUE = 1e150


def distances(queries: NDArray[np.float64], references: NDArray[np.float64], metric: Metric) -> NDArray[np.float64]:
    """Compute all distances of queries to references.

    Parameters
    ----------
    queries : float64 [Q x D]
    references : float64 [R x D]
    metric : "euclidean" or "cosine"
        The cosine distance is 1 - cos. The whitened distance depends on more than two clips: `scoring.whitening`.

    Returns
    -------
    float64 [Q x R]
    """
    from scipy.spatial.distance import cdist

    # SciPy sums squares pair by pair. Expanding |x - y|² into a matrix product, as scikit-learn does, gives distances
    # of up to 1e-6 between equal clips and rounding that depends on the size of the batch.
    if metric == "euclidean":
        return cdist(queries, references)
    # For points on the unit sphere 1 - cos = d² / 2, which unlike 1 - x·y is accurate near 0.
    return cdist(_on_unit_sphere(queries), _on_unit_sphere(references), "sqeuclidean") / 2


def _on_unit_sphere(embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
    # Dividing by the largest magnitude first avoids overflow and underflow of the squares.
    scaled = embeddings / np.abs(embeddings).max(axis=1, keepdims=True)
    return scaled / np.sqrt((scaled * scaled).sum(axis=1, keepdims=True))


def as_embeddings(values: ArrayLike, whose: str) -> NDArray[np.float64]:
    """Return embeddings as float64 [N x D].

    Raises
    ------
    StridorError
        If the shape is not one row of values per clip.
    """
    # C order, so that a row is summed in the same order whatever its original layout.
    matrix = np.ascontiguousarray(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise StridorError(
            f"The embeddings of {whose} have the shape {matrix.shape}; expected one row of values per clip."
        )
    return matrix


def unmeasurable(embeddings: NDArray[np.float64], metric: Metric) -> tuple[int, str] | None:
    """Return the index of the first row that has no distance and the reason, or None if all rows have one."""
    infinite = ~np.isfinite(embeddings).all(axis=1)
    if infinite.any():
        return int(infinite.argmax()), "is not finite"
    beyond = (np.abs(embeddings) > LARGEST_VALUE).any(axis=1)
    if metric != "cosine" and beyond.any():
        return int(beyond.argmax()), f"holds a value beyond {LARGEST_VALUE:g}, whose distances are not finite"
    zero = ~embeddings.any(axis=1)
    if metric == "cosine" and zero.any():
        return int(zero.argmax()), "is all zeros, which has no cosine distance"
    return None
