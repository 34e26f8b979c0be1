"""Mahalanobis distances of reconstruction errors: how unusual an error is for either domain."""

from collections.abc import Mapping
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.data.names import Domain

DOMAINS: tuple[Domain, ...] = get_args(Domain)
# Added to a covariance's diagonal, as a share of the mean variance. Real machines' smallest eigenvalues are above a
# hundredth of it, so that the distances of a well measured covariance change by less than 0.01 %.
RIDGE = 1e-6
# In dB²; takes over where errors do not vary at all.
SMALLEST_RIDGE = 1e-12


class ErrorMoments:
    """Count, mean and covariance of errors that come clip by clip, without keeping them.

    Parameters
    ----------
    width : int
        D.
    """

    def __init__(self, width: int) -> None:
        self.count = 0
        self._sum = np.zeros(width)
        self._products = np.zeros((width, width))

    def add(self, errors: ArrayLike) -> None:
        """Count in the errors of a clip, float [N x D]."""
        errors = np.asarray(errors, dtype=np.float64)
        self.count += len(errors)
        self._sum += errors.sum(axis=0)
        self._products += errors.T @ errors

    def covariance(self) -> NDArray[np.float64] | None:
        """Return the unbiased sample covariance, float64 [D x D]; None of fewer than two errors."""
        if self.count < 2:
            return None
        return (self._products - np.outer(self._sum, self._sum) / self.count) / (self.count - 1)


def covariances_of(moments: Mapping[Domain, ErrorMoments]) -> dict[Domain, NDArray[np.float64]]:
    """Return the covariance of the errors of either domain; a domain without errors borrows the other's.

    Parameters
    ----------
    moments : mapping of Domain to ErrorMoments
        One of the two domains has errors.

    Returns
    -------
    dict of Domain to float64 [D x D], dB²
    """
    found = {domain: moments[domain].covariance() for domain in DOMAINS}
    known = [covariance for covariance in found.values() if covariance is not None]
    return {domain: known[0] if covariance is None else covariance for domain, covariance in found.items()}


def selective_mahalanobis(errors: ArrayLike, covariances: Mapping[Domain, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the smaller of the squared Mahalanobis distances of errors to zero, eᵀΣ⁻¹e, for the two domains.

    The organisers invert the covariances as they are, which fails on singular ones. Here a ridge of a millionth
    of the mean variance is added, so that ten, or one, short target clips do no harm: an error in a direction
    in which a domain has shown no variance is very far for that domain, and the other one's distance is taken.

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
    # A sum of squares cannot become negative by rounding, as a product with the inverse can.
    root = np.linalg.cholesky(covariance + ridge * np.eye(len(covariance)))
    return np.square(solve_triangular(root, errors.T, lower=True)).sum(axis=0)
