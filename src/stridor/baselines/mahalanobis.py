"""Mahalanobis distances of reconstruction errors, with the covariance of each domain."""

from collections.abc import Mapping
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.data.names import Domain

DOMAINS: tuple[Domain, ...] = get_args(Domain)
# Added to a covariance's diagonal, as a share of the mean variance. For real machines the smallest eigenvalues are
# above a hundredth of it, so that distances with a well-conditioned covariance change by less than 0.01 %.
RIDGE = 1e-6
# In dB²; used where errors do not vary at all.
SMALLEST_RIDGE = 1e-12


class ErrorMoments:
    """Count, mean and covariance of errors that are added clip by clip and not stored.

    Parameters
    ----------
    width : int
        Number of values of an error, D.
    """

    def __init__(self, width: int) -> None:
        self.count = 0
        self._sum = np.zeros(width)
        self._products = np.zeros((width, width))

    def add(self, errors: ArrayLike) -> None:
        """Add the errors of a clip, float [N x D]."""
        errors = np.asarray(errors, dtype=np.float64)
        self.count += len(errors)
        self._sum += errors.sum(axis=0)
        self._products += errors.T @ errors

    def covariance(self) -> NDArray[np.float64] | None:
        """Return the unbiased sample covariance, float64 [D x D]; None for fewer than two errors."""
        if self.count < 2:
            return None
        return (self._products - np.outer(self._sum, self._sum) / self.count) / (self.count - 1)


def covariances_of(moments: Mapping[Domain, ErrorMoments]) -> dict[Domain, NDArray[np.float64]]:
    """Return the covariance of the errors of each domain; a domain without errors gets that of the other.

    Parameters
    ----------
    moments : mapping of Domain to ErrorMoments
        At least one of the two domains has errors.

    Returns
    -------
    dict of Domain to float64 [D x D], dB²
    """
    found = {domain: moments[domain].covariance() for domain in DOMAINS}
    known = [covariance for covariance in found.values() if covariance is not None]
    return {domain: known[0] if covariance is None else covariance for domain, covariance in found.items()}


def selective_mahalanobis(errors: ArrayLike, covariances: Mapping[Domain, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the smaller of the squared Mahalanobis distances eᵀΣ⁻¹e of errors with the two domains' covariances.

    The organisers invert the covariances without regularisation, which fails on singular ones. Here a ridge of a
    millionth of the mean variance is added, so that a few short target clips, or a single one, are enough: an error in
    a direction without variance in a domain is very far for that domain, and the other domain's distance is returned.

    Parameters
    ----------
    errors : float [N x D], dB
    covariances : mapping of Domain to float64 [D x D], dB²

    Returns
    -------
    float64 [N], not negative
    """
    errors = np.asarray(errors, dtype=np.float64)
    distances = [_squared_distances(errors, covariance) for covariance in covariances.values()]
    return np.minimum.reduce(distances)


def _squared_distances(errors: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.linalg import solve_triangular

    ridge = max(RIDGE * float(np.diag(covariance).mean()), SMALLEST_RIDGE)
    # A sum of squares cannot become negative by rounding; a product with the inverse can.
    root = np.linalg.cholesky(covariance + ridge * np.eye(len(covariance)))
    return np.square(solve_triangular(root, errors.T, lower=True)).sum(axis=0)
