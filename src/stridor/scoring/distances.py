"""Exact nearest neighbours among embeddings, the same alone and in any batch."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.errors import StridorError

Metric = Literal["euclidean", "cosine"]


class NeighbourSearch:
    """The nearest of R references to any query.

    Parameters
    ----------
    references : float64 [R x D]
    metric : "euclidean" or "cosine"
        The cosine distance is 1 - cos.
    """

    def __init__(self, references: NDArray[np.float64], metric: Metric) -> None:
        from sklearn.neighbors import NearestNeighbors

        self.metric = metric
        # Standardised by variances of 1 this is the Euclidean distance itself. Under the name 'euclidean'
        # scikit-learn expands |x - y|² into a matrix product, which puts equal clips up to 1e-6 apart and
        # rounds differently with the size of the batch; this form sums squares pair by pair and is as fast.
        unit_variances = {"V": np.ones(references.shape[1])}
        search = NearestNeighbors(algorithm="brute", metric="seuclidean", metric_params=unit_variances)
        self._search = search.fit(self._placed(references))

    def nearest(self, queries: NDArray[np.float64], n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Find the n nearest references of each query.

        Parameters
        ----------
        queries : float64 [Q x D]
        n : int, at most R

        Returns
        -------
        distances, indices : float64 and int64 [Q x n], ascending distances
        """
        if not len(queries):
            return np.empty((0, n)), np.empty((0, n), dtype=np.int64)
        distances, indices = self._search.kneighbors(self._placed(queries), n)
        return self._in_metric(distances), indices

    def nearest_others(self, n: int) -> NDArray[np.float64]:
        """Return the ascending distances of each reference to the n nearest others, float64 [R x n]."""
        distances, _ = self._search.kneighbors(n_neighbors=n)
        return self._in_metric(distances)

    def _placed(self, embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the embeddings where the search sees them: on the unit sphere for the cosine distance."""
        if self.metric == "euclidean":
            return embeddings
        # Dividing by the largest magnitude first keeps the squares of huge and tiny values within range.
        scaled = embeddings / np.abs(embeddings).max(axis=1, keepdims=True)
        return scaled / np.sqrt((scaled * scaled).sum(axis=1, keepdims=True))

    def _in_metric(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        # Between points of the unit sphere 1 - cos = d² / 2, which unlike 1 - x·y keeps its digits near 0.
        return distances if self.metric == "euclidean" else distances * distances / 2


def as_embeddings(values: ArrayLike, whose: str) -> NDArray[np.float64]:
    """Return embeddings as float64 [N x D].

    Raises
    ------
    StridorError
        If they are not one row of values per clip.
    """
    # C order, so that a row is summed in the same order whatever layout it came in.
    matrix = np.ascontiguousarray(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise StridorError(
            f"The embeddings of {whose} have the shape {matrix.shape}; expected one row of values per clip."
        )
    return matrix


def unmeasurable(embeddings: NDArray[np.float64], metric: Metric) -> tuple[int, str] | None:
    """Return the first row that has no distance to others and why, or None if all rows have one."""
    infinite = ~np.isfinite(embeddings).all(axis=1)
    if infinite.any():
        return int(infinite.argmax()), "is not finite"
    zero = ~embeddings.any(axis=1)
    if metric == "cosine" and zero.any():
        return int(zero.argmax()), "is all zeros, which has no cosine distance"
    return None
