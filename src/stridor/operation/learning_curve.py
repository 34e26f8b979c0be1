"""What to expect of a bank of so many clips: false alarms on clips that it does not hold, and where it speaks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stridor.common.errors import StridorError
from stridor.scoring.reference import MachineReference

SIZES = (5, 10, 20, 30, 50, 100, 200)
DRAWS = 10
# Of what every draw leaves for its false alarms.
FEWEST_HELD_OUT = 3
# A threshold that falls by less from one size to the next has settled.
SETTLED = 0.1


@dataclass(frozen=True)
class Point:
    """What banks of some number of clips do.

    Attributes
    ----------
    clips : int
    false_alarms : float
        Share of the clips flagged that a bank does not hold, the mean over draws.
    lowest, highest : float
        Of single draws.
    threshold : float
        In median leave-one-out scores of the bank: how much odder than a typical normal clip a clip must be to be
        flagged. The mean over draws.
    draws : int
    """

    clips: int
    false_alarms: float
    lowest: float
    highest: float
    threshold: float
    draws: int


def learning_curve(
    reference: MachineReference, recordings: Sequence[str], seed: int = 0, draws: int = DRAWS
) -> list[Point]:
    """Fit banks of fewer clips and have them judge the others.

    A bank takes whole recordings, drawn at random, up to the number of clips, and judges the clips of recordings that
    it holds nothing of: pieces of one recording are no test of each other. Of one recording only, clips are drawn.

    Parameters
    ----------
    reference : MachineReference
        Of all R clips.
    recordings : R str
        Which recording each is of.

    Returns
    -------
    list of Point
        By size; empty if the clips are too few to leave some out.
    """
    rng = np.random.default_rng(seed)
    total, names = len(reference.bank.file_names_), list(dict.fromkeys(recordings))
    groups = np.array([names.index(one) for one in recordings])
    if len(names) == 1:
        groups = np.arange(total)
    points = []
    for size in sorted({*SIZES, total // 2}):
        if size > total - FEWEST_HELD_OUT:
            break
        found = [one for _ in range(draws) if (one := _draw(reference, groups, size, rng)) is not None]
        if found:
            rates, thresholds = np.array(found).T
            points.append(
                Point(size, float(rates.mean()), float(rates.min()), float(rates.max()), float(thresholds.mean()),
                      len(found))
            )  # fmt: skip
    return points


def threshold_in_normals(reference: MachineReference) -> float:
    """Return the largest threshold of a reference in median leave-one-out scores."""
    calibration = reference.calibration
    own = [score for scores in calibration.normals.values() for score in scores]
    return calibration.threshold_for() / (float(np.median(own)) or 1.0)


def _draw(
    reference: MachineReference, groups: NDArray[np.int64], size: int, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Return the false alarms and the threshold of one bank; None if it cannot be fitted or leaves nothing out."""
    order = np.concatenate([np.flatnonzero(groups == one) for one in rng.permutation(groups.max() + 1)])
    taken = order[:size]
    left = np.flatnonzero(~np.isin(groups, groups[taken]))
    if len(left) < FEWEST_HELD_OUT:
        return None
    bank = reference.bank
    domains, names = ([of[i] for i in taken] for of in (bank.domains_, bank.file_names_))
    try:
        fitted = reference.refitted(bank.embeddings_[taken], domains, names)
    except StridorError:
        # Too few clips for the parameters, in all or of a domain.
        return None
    return float(fitted.judge(bank.embeddings_[left]).flagged.mean()), threshold_in_normals(fitted)
