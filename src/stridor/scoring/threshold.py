"""Decisions on scores, computed from normal clips only: a promised false-alarm rate, and the challenge's threshold."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError
from stridor.scoring.conformal import NormalScores, of_conditions, without_copies

FALSE_ALARM_RATE = 0.02
# Of fewer, Student's prediction interval for rare scores is so wide that a detector would never flag anything.
FEWEST_CLIPS_OF_A_CONDITION = 5


@dataclass(frozen=True)
class Calibration:
    """Scores of normal clips and what is read from them.

    Attributes
    ----------
    shape, scale : float or None
        Of the gamma distribution; None if all normal scores are equal, or one is negative, and nothing can be fitted.
    loc : float
        Always 0: a distance has a natural origin.
    percentile : float
        In (0, 100); the percentile of the distribution that is `threshold`.
    threshold : float
        The threshold of the challenge's baseline, for official result files: a score strictly above it is flagged.
    normals : mapping of str to tuple of float
        Leave-one-out scores of each condition, ascending: "source", "target", or "all". Empty in a calibration that
        was written before they were kept.
    false_alarm_rate : float
        In (0, 1); share of the normal clips of each condition that a served detector may flag, unless asked otherwise.
    clip_seconds : float or None
        Median length of the clips that the scores belong to.
    """

    shape: float | None
    loc: float
    scale: float | None
    percentile: float
    threshold: float
    normals: Mapping[str, Sequence[float]] = field(default_factory=dict)
    false_alarm_rate: float = FALSE_ALARM_RATE
    clip_seconds: float | None = None

    def __post_init__(self) -> None:
        # As JSON returns them, they would not equal what was written.
        object.__setattr__(self, "normals", {one: tuple(scores) for one, scores in self.normals.items()})

    def p_value(self, scores: ArrayLike, condition: str | None = None) -> NDArray[np.float64]:
        """Return how odd scores are: the share of normal clips that score at least as high.

        Parameters
        ----------
        scores : float [...]
        condition : str, optional
            That of the scored clips, if it is known. Otherwise the largest p-value of all conditions counts, which
            keeps the promise of `NormalScores` for each of them.

        Returns
        -------
        float64 [...]
            Of a calibration without normal scores, by the gamma distribution; without that too, 1 up to the threshold
            and 0 above.
        """
        scores = np.asarray(scores, dtype=np.float64)
        if self._conditions:
            return np.max([one.p_value(scores) for one in self._asked(condition).values()], axis=0)
        if self.shape is None:
            return np.where(scores <= self.threshold, 1.0, 0.0)
        from scipy.stats import gamma

        return np.asarray(gamma.sf(scores, self.shape, loc=self.loc, scale=self.scale))

    def threshold_for(self, rate: float | None = None, condition: str | None = None) -> float:
        """Return the score above which a clip is flagged if a share `rate` of the normal clips may be.

        Parameters
        ----------
        rate : float in (0, 1), optional
            By default `false_alarm_rate`.
        condition : str, optional
            As for `p_value`; the largest threshold of all conditions if it is not known.

        Raises
        ------
        StridorError
            If the rate is out of its range.
        """
        rate = self.false_alarm_rate if rate is None else rate
        if not 0 < rate < 1:
            raise StridorError(f"The false-alarm rate is {rate:g}; give a share between 0 and 1, such as 0.01.")
        if self._conditions:
            return max(one.threshold(rate) for one in self._asked(condition).values())
        if self.shape is None:
            return self.threshold
        from scipy.stats import gamma

        return float(gamma.isf(rate, self.shape, loc=self.loc, scale=self.scale))

    def judged_by(self, score: float, condition: str | None = None) -> tuple[str, int]:
        """Return the condition with the largest p-value of a score and the number of its clips; 0 if not known."""
        if not self._conditions:
            return "all", 0
        asked = self._asked(condition)
        name = max(asked, key=lambda one: float(asked[one].p_value(score)))
        return name, len(asked[name])

    def knows(self, condition: str) -> bool:
        """Tell whether clips of a condition can be judged: by others of it, or by all clips together."""
        return condition in self._conditions or "all" in self._conditions

    def support(self, condition: str | None = None) -> dict[str, int]:
        """Return how many clips of each condition a decision rests on; empty if it is not known."""
        return {name: len(one) for name, one in self._asked(condition).items()} if self._conditions else {}

    def decide(self, scores: ArrayLike) -> NDArray[np.int64]:
        """Return 1 for scores above the challenge's threshold and 0 for the others, int64 [...]."""
        return (np.asarray(scores) > self.threshold).astype(np.int64)

    def save(self, path: Path) -> None:
        """Write the calibration as JSON."""
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Calibration":
        """Read a calibration written by `save`, by this version or one that kept no normal scores."""
        try:
            calibration = cls(**json.loads(Path(path).read_text(encoding="utf-8")))
            calibration._check()
            return calibration
        except FileNotFoundError:
            raise StridorError(f"{path} is missing; run 'dvc repro' to write it.") from None
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise StridorError(f"{path} is not a calibration ({error}); run 'dvc repro --force'.") from None

    def _check(self) -> None:
        fitted = [] if self.shape is None and self.scale is None else [self.shape, self.scale]
        lengths = [] if self.clip_seconds is None else [self.clip_seconds]
        normals = [score for scores in self.normals.values() for score in (scores or (math.nan,))]
        values = (self.loc, self.percentile, self.threshold, self.false_alarm_rate, *fitted, *lengths, *normals)
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"it holds {str(value)[:50]!r} instead of a number")

    @cached_property
    def _conditions(self) -> dict[str, NormalScores]:
        return {name: NormalScores(scores) for name, scores in self.normals.items()}

    def _asked(self, condition: str | None) -> dict[str, NormalScores]:
        """Return the conditions that a clip may be of; one without a calibration of its own is part of "all"."""
        if condition is None:
            return self._conditions
        name = condition if condition in self._conditions else "all"
        if not self.knows(condition):
            raise StridorError(
                f"The detector has learnt no condition '{condition}'; it knows {', '.join(self._conditions)}."
            )
        return {name: self._conditions[name]}


def calibrate(
    normal_scores: ArrayLike,
    percentile: float = 90.0,
    conditions: Sequence[str] | None = None,
    false_alarm_rate: float = FALSE_ALARM_RATE,
    clip_seconds: float | None = None,
) -> Calibration:
    """Learn from scores of normal clips which scores are odd.

    `Calibration.threshold` follows the organisers' baseline, a percentile of a gamma distribution. They fit three free
    parameters; here the location is fixed at 0, because a free one makes the likelihood of few scores unbounded. Scores
    of copied clips, which are 0 or nearly so, do not reflect the distances between normal clips and are ignored. If the
    remaining scores are all equal, or there is only one, the largest score is the threshold. If one is negative, it is
    that of `Calibration.threshold_for` for the share above the percentile.

    Parameters
    ----------
    normal_scores : float [N]
        Leave-one-out scores of the reference bank.
    percentile : float in (0, 100)
    conditions : N str, optional
        What each clip was recorded under. By default all are of the condition "source". If one has fewer than 5 clips,
        it is judged by all clips together.
    false_alarm_rate : float in (0, 1)
    clip_seconds : float, optional
        Median length of the clips.

    Raises
    ------
    StridorError
        If there are no scores, one is not finite, or the percentile or the rate is out of range.
    """
    scores = np.asarray(normal_scores, dtype=np.float64).ravel()
    if not scores.size or not np.isfinite(scores).all():
        raise StridorError(
            f"No threshold can be computed from {scores.size} scores of normal clips; expected one or more, all finite."
        )
    if not 0 < percentile < 100:
        raise StridorError(f"bank.threshold_percentile is {percentile}; give a value between 0 and 100.")
    if not 0 < false_alarm_rate < 1:
        raise StridorError(f"bank.false_alarm_rate is {false_alarm_rate}; give a share between 0 and 1.")
    normals = of_conditions(scores, conditions or ["source"] * len(scores), FEWEST_CLIPS_OF_A_CONDITION)
    shape, scale, threshold = _challenge_threshold(scores, percentile)
    found = Calibration(shape, 0.0, scale, percentile, threshold, normals, false_alarm_rate, clip_seconds)
    return replace(found, threshold=found.threshold_for(1 - percentile / 100)) if scores.min() < 0 else found


def _challenge_threshold(scores: NDArray[np.float64], percentile: float) -> tuple[float | None, float | None, float]:
    """Return shape and scale of the gamma distribution, if there is one, and the percentile or the largest score."""
    largest = float(scores.max())
    distinct = without_copies(scores) if scores.min() >= 0 else None
    if distinct is None:
        return None, None, largest
    from scipy.stats import gamma

    # With a maximum of 1, logarithms and squares do not lose digits.
    shape, loc, scale = gamma.fit(distinct / largest, floc=0)
    scale *= largest
    return float(shape), float(scale), float(gamma.ppf(percentile / 100, shape, loc=loc, scale=scale))
