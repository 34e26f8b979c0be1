"""The decision threshold of a machine, computed from scores of normal clips only."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError

# A score this small compared with the largest belongs to a copy of another clip, up to rounding.
LARGEST_SHARE_OF_COPIES = 1e-4
# Scores with a smaller relative deviation are equal up to rounding, and no distribution can be fitted.
LARGEST_VARIATION_OF_EQUALS = 1e-6


@dataclass(frozen=True)
class Calibration:
    """A gamma distribution of normal scores and the threshold read from it.

    Attributes
    ----------
    shape, scale : float or None
        Of the gamma distribution; None if all normal scores are equal and nothing can be fitted.
    loc : float
        Always 0: a distance has a natural origin.
    percentile : float
        In (0, 100); the share of normal clips expected below the threshold.
    threshold : float
        A score strictly above it is flagged as anomalous.
    """

    shape: float | None
    loc: float
    scale: float | None
    percentile: float
    threshold: float

    def p_value(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Return the probability that a normal clip scores at least this high.

        Parameters
        ----------
        scores : float [...]

        Returns
        -------
        float64 [...]
            Without a fit, 1 up to the threshold and 0 above.
        """
        scores = np.asarray(scores, dtype=np.float64)
        if self.shape is None:
            return np.where(scores <= self.threshold, 1.0, 0.0)
        from scipy.stats import gamma

        return np.asarray(gamma.sf(scores, self.shape, loc=self.loc, scale=self.scale))

    def decide(self, scores: ArrayLike) -> NDArray[np.int64]:
        """Return 1 for scores above the threshold and 0 for the others, int64 [...]."""
        return (np.asarray(scores) > self.threshold).astype(np.int64)

    def save(self, path: Path) -> None:
        """Write the calibration as JSON."""
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Calibration":
        """Read a calibration written by `save`."""
        try:
            calibration = cls(**json.loads(Path(path).read_text(encoding="utf-8")))
            calibration._check()
            return calibration
        except FileNotFoundError:
            raise StridorError(f"{path} is missing; run 'dvc repro' to write it.") from None
        except (ValueError, TypeError, RecursionError) as error:
            raise StridorError(f"{path} is not a calibration ({error}); run 'dvc repro --force'.") from None

    def _check(self) -> None:
        fitted = [] if self.shape is None and self.scale is None else [self.shape, self.scale]
        for value in (self.loc, self.percentile, self.threshold, *fitted):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"it holds {str(value)[:50]!r} instead of a number")


def without_copies(scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the scores of clips that are not copies of others; None if these are all equal, or there are none.

    Parameters
    ----------
    scores : float64 [N], finite and not negative
    """
    largest = float(scores.max())
    distinct = scores[scores > LARGEST_SHARE_OF_COPIES * largest]
    relative = distinct / (largest or 1.0)
    if not distinct.size or relative.std() <= LARGEST_VARIATION_OF_EQUALS * relative.mean():
        return None
    return distinct


def calibrate(normal_scores: ArrayLike, percentile: float = 90.0) -> Calibration:
    """Fit a gamma distribution to scores of normal clips and take a percentile of it as threshold.

    The organisers' baseline fits three free parameters; here the location is fixed at 0, because a free one makes the
    likelihood of few scores unbounded. Scores of copied clips, which are 0 or nearly so, do not reflect the distances
    between normal clips and are ignored. If the remaining scores are all equal, or there is only one, the largest score
    is the threshold.

    Parameters
    ----------
    normal_scores : float [N], not negative
        Leave-one-out scores of the reference bank.
    percentile : float in (0, 100)

    Raises
    ------
    StridorError
        If there are no scores, one is negative or not finite, or the percentile is out of range.
    """
    scores = np.asarray(normal_scores, dtype=np.float64).ravel()
    if not scores.size or not np.isfinite(scores).all() or scores.min() < 0:
        raise StridorError(
            f"No threshold can be computed from {scores.size} scores of normal clips; expected at least one, "
            "all finite and none negative."
        )
    if not 0 < percentile < 100:
        raise StridorError(f"bank.threshold_percentile is {percentile}; give a value between 0 and 100.")
    largest = float(scores.max())
    distinct = without_copies(scores)
    if distinct is None:
        return Calibration(None, 0.0, None, percentile, largest)
    from scipy.stats import gamma

    # With a maximum of 1, logarithms and squares do not lose digits.
    shape, loc, scale = gamma.fit(distinct / largest, floc=0)
    scale *= largest
    threshold = gamma.ppf(percentile / 100, shape, loc=loc, scale=scale)
    return Calibration(float(shape), float(loc), float(scale), percentile, float(threshold))
