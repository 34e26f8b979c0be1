"""How far an order without labels agrees with that by labels."""

from collections.abc import Sequence


def rank_correlation(pseudo: Sequence[float], official: Sequence[float | None]) -> float | None:
    """Return Spearman's rank correlation of two measures of the same ways to score.

    Parameters
    ----------
    pseudo : sequence of N float
    official : sequence of N float or None

    Returns
    -------
    float in [-1, 1], or None where a value is missing or one side does not vary
    """
    # A second of imports.
    from scipy.stats import spearmanr

    known = [value for value in official if value is not None]
    if len(known) < len(official) or len(set(known)) < 2 or len(set(pseudo)) < 2:
        return None
    return float(spearmanr(pseudo, known)[0])
