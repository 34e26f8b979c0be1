"""Whitening: coordinates in which the reference clips vary alike in all directions."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stridor.common.errors import StridorError

# The fewest clips that leave one with a covariance when another is left out.
FEWEST_CLIPS = 3
# Below this remainder a left-out clip lies so far from all others that the downdate loses more than half of the digits.
SMALLEST_REMAINDER = 1e-8
# Share of all scatter below which the other clips are copies of each other, up to rounding.
SCATTER_OF_COPIES = 1e-24

Distances = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


class Whitening:
    """Mahalanobis distances with the shrunk covariance of a machine's normal clips.

    The covariance is (1 - shrinkage)·S + shrinkage·v·I, where S is the unbiased covariance of the clips and v its mean
    variance: the form of Ledoit, Wolf, "A well-conditioned estimator for large-dimensional covariance matrices"
    (J. Multivariate Analysis 88, 2004), with a fixed weight. Nothing of the size D x D is made: in the space that N
    clips span, of N - 1 dimensions at most, S is a diagonal matrix by a singular value decomposition, and across it
    the covariance is shrinkage·v·I (the Woodbury identity).

    Parameters
    ----------
    embeddings : float64 [N x D]
        Normal clips of both domains.
    shrinkage : float in (0, 1]
    dimensions : int, optional
        D, where the embeddings are coordinates in a part of the space.

    Raises
    ------
    StridorError
        If the clips do not vary.
    """

    def __init__(self, embeddings: NDArray[np.float64], shrinkage: float, dimensions: int | None = None) -> None:
        self._shrinkage = shrinkage
        self._dimensions = dimensions or embeddings.shape[1]
        self._mean = embeddings.mean(axis=0)
        _, spread, axes = np.linalg.svd(embeddings - self._mean, full_matrices=False)
        rank = int((spread > spread[0] * max(embeddings.shape) * np.finfo(np.float64).eps).sum())
        if not rank:
            raise StridorError(
                "The reference clips are copies of each other, so they have no covariance to be whitened by; record "
                "others or set the parameter bank.metric to euclidean."
            )
        self._axes = np.ascontiguousarray(axes[:rank].T)
        # The last coordinate lies across the span, where the clips do not scatter.
        self._scatter = np.append(np.square(spread[:rank]), 0.0)
        self._clips = self.coordinates(embeddings)
        self._variances = self._shrunk(float(self._scatter.sum()), len(embeddings))

    def coordinates(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return coordinates of clips `[Q x D]` along the principal axes, float64 [Q x rank + 1].

        The last one is the distance to the space that the normal clips span. A row's coordinates do not depend on the
        other rows, to the last bit.
        """
        found = np.empty((len(rows), len(self._scatter)))
        for own, row in zip(found, rows, strict=True):
            centred = row - self._mean
            own[:-1] = centred @ self._axes
            own[-1] = np.linalg.norm(centred - self._axes @ own[:-1])
        return found

    def distances(self, queries: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distances of queries to points of the clips' span, both as coordinates, float64 [Q x R]."""
        from scipy.spatial.distance import cdist

        deviations = np.sqrt(self._variances)
        return cdist(queries / deviations, points / deviations)

    def without(self, clip: int) -> Distances:
        """Return the distances, as a function like `distances`, by the covariance of the clips without one of them.

        It is exact: without a clip at d from the mean of N clips the scatter matrix loses N / (N - 1)·ddᵀ, and the
        inverse follows by the Sherman-Morrison formula.

        Raises
        ------
        StridorError
            If the other clips do not vary.
        """
        count = len(self._clips)
        others = np.delete(self._clips, clip, axis=0)
        scatter = float(np.square(others - others.mean(axis=0)).sum())
        if scatter <= SCATTER_OF_COPIES * self._scatter.sum():
            raise StridorError(
                "All reference clips but one are copies of each other, so without it they have no covariance to be "
                "whitened by; record others or set the parameter bank.metric to euclidean."
            )
        variances = self._shrunk(scatter, count - 1)
        lost = self._clips[clip] * np.sqrt((1 - self._shrinkage) / (count - 2) * count / (count - 1))
        weights = lost / variances
        remainder = 1 - float((lost * weights).sum())
        if remainder < SMALLEST_REMAINDER:
            fitted = Whitening(others, self._shrinkage, self._dimensions)
            return lambda queries, points: fitted.distances(fitted.coordinates(queries), fitted.coordinates(points))

        def distances(queries: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
            from scipy.spatial.distance import cdist

            deviations = np.sqrt(variances)
            squares = cdist(queries / deviations, points / deviations, "sqeuclidean")
            along = [(rows * weights).sum(axis=1) for rows in (queries, points)]
            return np.asarray(np.sqrt(squares + np.square(along[0][:, None] - along[1]) / remainder))

        return distances

    def _shrunk(self, scatter: float, clips: int) -> NDArray[np.float64]:
        """Return the variances along the principal axes, for this many clips with this sum of squares."""
        floor = self._shrinkage * scatter / ((clips - 1) * self._dimensions)
        return np.asarray((1 - self._shrinkage) / (clips - 1) * self._scatter + floor)
