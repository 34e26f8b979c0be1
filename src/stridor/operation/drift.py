"""Drift: whether recent recordings are still as odd as normal clips are, by their p-values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stridor.common.errors import StridorError
from stridor.scoring.reference import ANY_CONDITION, MachineReference, Reference

# Of a false report on a machine that has not changed; once a week, on average one in twenty years.
LEVEL = 0.001
FEWEST_RECORDINGS = 20
# Of p-values; smaller ones say more of the formula than of the machine.
SMALLEST_SHOWN = 1e-6


def why_undefined(reference: Reference, condition: str | None) -> str | None:
    """Return why p-values of a machine say nothing of drift; None if they do."""
    if not isinstance(reference, MachineReference):
        return "an autoencoder is calibrated on the clips that it was trained on, so that all others are odder"
    if condition == ANY_CONDITION:
        return "by --condition any the largest p-value of all conditions counts, which no normal clip has on average"
    return None


@dataclass(frozen=True)
class Result:
    """A part of a recording: its p-value among so many normal clips of a condition."""

    recording: str
    condition: str
    clips: int
    p_value: float


@dataclass(frozen=True, eq=False)
class ConditionDrift:
    """How recent recordings of one condition compare with the normal clips of the detector.

    Attributes
    ----------
    condition : str
    clips : int
        Normal clips of the detector.
    recordings : int
    positions : float64 [parts]
        Behind how many of the normal clips each part ranks, the oddest first: 0.5 is odder than all.
    weights : float64 [parts]
        Of each recording 1 in all, whatever the number of its parts.
    gap : float
        Largest distance between both distribution functions (Kolmogorov-Smirnov).
    odder : bool
        Whether recent recordings are the odder ones where the gap is.
    p_value : float
        Of a gap as large without drift, if recordings are independent; 1 if there are too few to say.
    """

    condition: str
    clips: int
    recordings: int
    positions: NDArray[np.float64]
    weights: NDArray[np.float64]
    gap: float
    odder: bool
    p_value: float

    @property
    def odder_than_median(self) -> float:
        """Share of the recordings that are odder than the median normal clip."""
        return float(self.weights[self.positions <= self.clips / 2].sum() / self.weights.sum())


@dataclass(frozen=True)
class Drift:
    """What became of all conditions.

    Attributes
    ----------
    level : float
        Chance of a false report, of all conditions together.
    """

    conditions: tuple[ConditionDrift, ...]
    level: float = LEVEL

    @property
    def drifted(self) -> bool:
        """Whether a condition has drifted."""
        return any(self.has_drifted(one) for one in self.conditions)

    def has_drifted(self, one: ConditionDrift) -> bool:
        """Tell whether a condition has drifted."""
        return one.p_value < self.level / len(self.conditions)

    def text(self) -> str:
        """Return a line for each condition."""
        if not self.conditions:
            return "drift: nothing was scored that could tell"
        return "\n".join(f"{one.condition}: {self._said(one)}" for one in self.conditions)

    def _said(self, one: ConditionDrift) -> str:
        counts = f"{one.recordings} recordings, {one.clips} normal clips"
        rare = f"p {one.p_value:.2g}" if one.p_value > SMALLEST_SHOWN else f"p below {SMALLEST_SHOWN:g}"
        numbers = f"largest gap {one.gap:.2f}, {rare}, by {counts}"
        share = f"{100 * one.odder_than_median:.0f} % of the recordings are odder than the median normal clip"
        if one.recordings < FEWEST_RECORDINGS:
            return f"too few recordings to tell ({counts}); {share}"
        if not self.has_drifted(one):
            return f"no drift: {share} ({numbers})"
        if one.odder:
            return (
                f"DRIFTED: {share} ({numbers}). The machine, the microphone or the surroundings have changed: listen "
                "to some, and add those that are normal by 'stridor bank add'"
            )
        return (
            f"DRIFTED: the recordings are less odd than normal clips are of each other; {share} ({numbers}). The "
            "machine does less than it did, or recordings are copies"
        )


def results_of(
    entries: Iterable[dict[str, Any]], since: datetime | None = None, calibration: str | None = None,
    condition: str | None = None,
) -> list[Result]:  # fmt: skip
    """Return the parts of recordings in the lines of 'stridor watch' or 'stridor score --json'.

    Parameters
    ----------
    entries : iterable of dict
    since : datetime, optional
        Older lines are left out; lines without a time are not.
    calibration : str, optional
        Lines of other versions of the detector are left out; by default those of other versions than the last one.
    condition : str, optional
        Parts that were judged by another condition are left out.

    Raises
    ------
    StridorError
        If a line is none of these.
    """
    results: list[tuple[str | None, Result]] = []
    for entry in entries:
        if "windows" not in entry or (since and "time" in entry and datetime.fromisoformat(entry["time"]) < since):
            continue
        try:
            name = f"{entry['recording']} {entry.get('number', '')}"
            for part in entry["windows"]:
                one = Result(name, part["condition"], part["clips"], part["p_value"])
                results.append((entry.get("calibration"), one))
        except (KeyError, TypeError) as error:
            raise StridorError(
                f"A line of the results has no {error}; they were written by an earlier version of stridor."
            ) from None
    if condition is not None:
        known = {one.condition for _, one in results}
        results = [(version, one) for version, one in results if one.condition == condition]
        if known and not results:
            raise StridorError(
                f"Nothing was judged by the condition '{condition}'; ask for {' or '.join(sorted(known))}, or for all."
            )
    wanted = calibration or (results[-1][0] if results else None)
    return [one for version, one in results if wanted is None or version in (wanted, None)]


def drift_of(results: Sequence[Result], level: float = LEVEL) -> Drift:
    """Compare recent p-values with those of the normal clips, for each condition.

    Of a detector that was calibrated on n clips a p-value says how many of these are as odd, and nothing between. So
    the recent scores are compared with those of the n clips themselves by their ranks: the two-sample
    Kolmogorov-Smirnov test, which, unlike a comparison with the uniform distribution, also allows for the chance in n
    clips. Parts of one recording count as one recording.
    """
    found = []
    for condition in sorted({one.condition for one in results}):
        of = [one for one in results if one.condition == condition and one.clips]
        if not of:
            continue
        # A bank that has grown meanwhile: the last one counts.
        clips = of[-1].clips
        found.append(_compared(condition, clips, [one for one in of if one.clips == clips]))
    return Drift(tuple(found), level)


def _compared(condition: str, clips: int, results: Sequence[Result]) -> ConditionDrift:
    from scipy.stats import kstwo

    names, parts = np.unique([one.recording for one in results], return_counts=True)
    count = dict(zip(names.tolist(), parts.tolist(), strict=True))
    weights = np.array([1 / count[one.recording] for one in results])
    p_values = np.array([one.p_value for one in results])
    positions = np.maximum(np.rint(p_values * (clips + 1)) - 1, 0) + 0.5
    # Both distributions are steps: the gap is largest at one of the places where either rises.
    places = np.arange(clips + 1) + 0.75
    recent = np.array([weights[positions <= place].sum() for place in places]) / weights.sum()
    learnt = np.arange(clips + 1) / clips
    gaps = np.concatenate([recent - learnt, recent[:-1] - learnt[1:]])
    largest = int(np.abs(gaps).argmax())
    recordings = len(count)
    gap = float(abs(gaps[largest]))
    enough = recordings >= FEWEST_RECORDINGS
    p_value = float(kstwo.sf(gap, round(clips * recordings / (clips + recordings)))) if enough else 1.0
    return ConditionDrift(condition, clips, recordings, positions, weights, gap, bool(gaps[largest] > 0), p_value)
