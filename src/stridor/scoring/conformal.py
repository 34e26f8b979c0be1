"""How odd a score is among the normal clips of one condition: conformal p-values, and a fitted tail beyond them."""

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

# A score this small compared with the largest belongs to a copy of another clip, up to rounding.
LARGEST_SHARE_OF_COPIES = 1e-4
# Scores with a smaller relative deviation are equal up to rounding, and no distribution can be fitted.
LARGEST_VARIATION_OF_EQUALS = 1e-6
# A rate such as 0.3 times ten clips must count as three in spite of rounding.
_ROUNDING = 1e-9


class NormalScores:
    """The leave-one-out scores of the normal clips of one condition.

    The p-value of a score s among n of them is (1 + the number of scores of at least s) / (n + 1), and a new normal
    clip that is exchangeable with them gets a p-value of at most α with a probability of at most α, whatever the
    distribution of the scores, for every α of at least 1 / (n + 1): Bates, Candès, Lei, Romano, Sesia, "Testing for
    outliers with conformal p-values" (Annals of Statistics 2023, arXiv:2104.08279). The scores of a new clip and of
    the n come from different banks; as another reference can only lower a distance to the nearest, the p-value is
    never below that of full conformal prediction, which has this guarantee. Jackknife+ (Barber, Candès, Ramdas,
    Tibshirani, Annals of Statistics 2021) covers other scores with 2α in the place of α.

    Above the largest of the n, the p-value is the smaller of 1 / (n + 1) and that of Student's prediction interval:
    t with n - 1 degrees of freedom, on logarithms if all scores are positive. That is exact for independent
    (log-)normal scores, also of few clips.

    Parameters
    ----------
    scores : float [n], n > 0, finite
        If none is negative, scores of copies of other clips, which are 0 or nearly so, are ignored: they do not
        reflect the distances between normal clips. Without them p-values are larger.

    Examples
    --------
    >>> from stridor.scoring.conformal import NormalScores
    >>> normals = NormalScores([0.8, 1.0, 1.1, 1.3])
    >>> normals.p_value([0.9, 1.2])
    array([0.8, 0.4])
    >>> normals.threshold(0.4)
    1.1
    """

    def __init__(self, scores: ArrayLike) -> None:
        values = np.sort(np.asarray(scores, dtype=np.float64).ravel())
        distinct = values[values > LARGEST_SHARE_OF_COPIES * values[-1]] if values[0] >= 0 else values
        self._scores = distinct if distinct.size else values

    def __len__(self) -> int:
        return len(self._scores)

    def p_value(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Return the p-values of scores, float64 [...]."""
        scores = np.asarray(scores, dtype=np.float64)
        at_least = len(self) - np.searchsorted(self._scores, scores, side="left")
        counted = (1 + at_least) / (len(self) + 1)
        return np.where(scores > self._scores[-1], np.minimum(counted, self._tail(scores)), counted)

    def threshold(self, rate: float) -> float:
        """Return the score above which p-values are at most `rate`, in (0, 1)."""
        larger = math.floor(rate * (len(self) + 1) + _ROUNDING) - 1
        if larger >= 0:
            return float(self._scores[len(self) - 1 - larger])
        largest = float(self._scores[-1])
        if self._fit is None:
            return largest
        # What scipy.stats.t computes by, which takes two seconds to import.
        from scipy.special import stdtrit

        centre, spread, logarithmic = self._fit
        limit = centre - spread * float(stdtrit(len(self) - 1, rate))
        # Two clips, or rates below any experience, may ask for more than a number can hold.
        return max(largest, math.exp(min(limit, 700.0)) if logarithmic else limit)

    def _tail(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._fit is None:
            return np.zeros(scores.shape)
        from scipy.special import stdtr

        centre, spread, logarithmic = self._fit
        if logarithmic:
            scores = np.log(np.maximum(scores, self._scores[0]))
        return np.asarray(stdtr(len(self) - 1, -(scores - centre) / spread))

    @cached_property
    def _fit(self) -> tuple[float, float, bool] | None:
        """Centre, spread of the prediction and whether both are of logarithms; None for equal scores."""
        values = self._scores
        largest = float(np.abs(values).max())
        if len(values) < 2 or not largest:
            return None
        # With a maximum of 1, squares do not lose digits.
        if (values / largest).std() <= LARGEST_VARIATION_OF_EQUALS:
            return None
        logarithmic = bool(values[0] > 0)
        fitted = np.log(values) if logarithmic else values
        spread = float(fitted.std(ddof=1)) * math.sqrt(1 + 1 / len(values))
        return float(fitted.mean()), spread, logarithmic


def of_conditions(scores: ArrayLike, conditions: Sequence[str], fewest: int) -> dict[str, tuple[float, ...]]:
    """Group scores by condition, ascending.

    A condition of fewer clips than `fewest`, copies not counted, says too little for itself. If there is one, all
    clips together stand for it, under the name "all".

    Parameters
    ----------
    scores : float [N]
    conditions : N str
    """
    order = np.argsort(np.asarray(scores, dtype=np.float64), kind="stable")
    values, where = np.asarray(scores, dtype=np.float64)[order], np.array(conditions, dtype=object)[order]
    groups = {str(one): values[where == one] for one in sorted(set(conditions))}
    large = {one: group for one, group in groups.items() if len(NormalScores(group)) >= fewest}
    if len(large) < len(groups) or not large:
        large["all"] = values
    return {one: tuple(group.tolist()) for one, group in large.items()}


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
