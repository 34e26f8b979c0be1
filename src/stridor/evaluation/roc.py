"""Areas under the ROC curves of many resamples of the same scores."""

import numpy as np
from numpy.typing import NDArray


def roc_areas(
    scores: NDArray[np.float64],
    positive: NDArray[np.bool_],
    negative: NDArray[np.bool_],
    multiplicities: NDArray[np.integer],
    max_fpr: float | None = None,
) -> NDArray[np.float64]:
    """Compute `sklearn.metrics.roc_auc_score` for each of B resamples.

    Parameters
    ----------
    scores : float64 [N]
        Equal scores share one step of the curve, as in scikit-learn.
    positive, negative : bool [N]
        A clip that is neither is ignored.
    multiplicities : int [B x N]
        How often each resample contains each clip; every row needs a positive and a negative clip.
    max_fpr : float in (0, 1], optional
        Only the area up to this false positive rate, standardised after McClish (1989): guessing gives 0.5.

    Returns
    -------
    float64 [B]
    """
    descending = np.argsort(-scores, kind="stable")
    steps = np.flatnonzero(np.diff(-scores[descending], prepend=-np.inf))
    true_positive_rate = _rates(multiplicities, positive, descending, steps)
    false_positive_rate = _rates(multiplicities, negative, descending, steps)
    width = np.diff(false_positive_rate, axis=1)
    left, height = true_positive_rate[:, :-1], np.diff(true_positive_rate, axis=1)
    if max_fpr is None:
        return (width * (left + height / 2)).sum(axis=1)
    # Of the trapezoid that crosses max_fpr only the part to its left counts, with the interpolated height.
    kept = np.minimum(width, np.maximum(max_fpr - false_positive_rate[:, :-1], 0.0))
    share = np.divide(kept, width, out=np.zeros_like(width), where=width > 0)
    area = (kept * (left + share * height / 2)).sum(axis=1)
    guessed = max_fpr**2 / 2
    return (1 + (area - guessed) / (max_fpr - guessed)) / 2


def _rates(
    multiplicities: NDArray[np.integer],
    counted: NDArray[np.bool_],
    descending: NDArray[np.int64],
    steps: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the share of the counted clips above each threshold, float64 [B x steps + 1], from 0 to 1."""
    counts = (multiplicities * counted)[:, descending]
    cumulated = np.add.reduceat(counts, steps, axis=1).cumsum(axis=1)
    return np.pad(cumulated, ((0, 0), (1, 0))) / cumulated[:, -1:]
