"""What a newly enrolled machine may expect of its detector, in words: false alarms, and whether clips are missing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stridor.operation.learning_curve import SETTLED, Point, learning_curve, threshold_in_normals
from stridor.scoring.reference import MachineReference
from stridor.scoring.threshold import FEWEST_CLIPS_OF_A_CONDITION
from stridor.serving.verdict import share_in_words

# Of the share of normal clips that detectors of so many clips flag.
CONFIDENCE = 0.95
# Under this name all clips stand for a condition of which there are too few.
MIXED = "all"
# Fewer recordings are no sample of what the machine does.
FEWEST_RECORDINGS = 5


@dataclass(frozen=True)
class Expectation:
    """What is to be expected of a reference bank.

    Attributes
    ----------
    machine : str
    rate : float
        Promised share of normal clips that are flagged.
    support : dict of str to int
        Number of clips of each condition.
    recordings : int
    curve : tuple of Point
    threshold : float
        Of the whole bank, in median leave-one-out scores.
    """

    machine: str
    rate: float
    support: dict[str, int]
    recordings: int
    curve: tuple[Point, ...]
    threshold: float

    @property
    def missing(self) -> dict[str, int]:
        """How many more clips of each condition support the rate without a fitted curve."""
        needed = math.ceil(1 / self.rate - 1e-9) - 1
        return {name: needed - count for name, count in self.support.items() if count < needed and name != MIXED}

    @property
    def is_settled(self) -> bool:
        """Whether the threshold falls no more as clips are added."""
        return bool(self.curve) and self.curve[-1].threshold - self.threshold <= SETTLED * self.threshold

    def text(self) -> str:
        """Return it in lines, to print."""
        lines = [f"{self.machine}: what leave-one-out scores of {self._clips()} say"]
        lines += [f"- {sentence}" for sentence in (*self._false_alarms(), *self._enough())]
        if self.curve:
            lines += ["", "  clips   false alarms among the others     flagged above, in typical normal scores"]
            for one in self.curve:
                spread = f"{100 * one.false_alarms:.1f} % ({100 * one.lowest:.0f} to {100 * one.highest:.0f} %)"
                lines.append(f"  {one.clips:>5}   {spread:<32}  {one.threshold:.2f}")
            own = sum(self.support.values())
            lines.append(f"  {own:>5}   {'-':<32}  {self.threshold:.2f}")
        return "\n".join(lines)

    def _clips(self) -> str:
        clips = " and ".join(f"{count} clips of {_called(name)}" for name, count in self.support.items())
        return f"{clips}, from {self.recordings} recording{'s' if self.recordings > 1 else ''},"

    def _false_alarms(self) -> list[str]:
        sentences = []
        for name, count in self.support.items():
            larger = math.floor(self.rate * (count + 1) + 1e-9)
            if not larger:
                sentences.append(
                    f"{_called(name)}: {share_in_words(self.rate)} normal clips are to be flagged, but {count} clips "
                    f"support nothing rarer than 1 in {count + 1}; beyond that a curve that is fitted to them speaks"
                )
                continue
            from scipy.stats import beta

            outside = (1 - CONFIDENCE) / 2
            # The share that a detector with so many calibration clips truly flags, over such detectors.
            low, high = (100 * float(beta.ppf(q, larger, count + 1 - larger)) for q in (outside, 1 - outside))
            sentences.append(
                f"{_called(name)}: expect {share_in_words(larger / (count + 1))} normal clips to be flagged; of a "
                f"detector with {count} clips that may be {low:.1f} to {high:.1f} %"
            )
        if self.curve:
            last = self.curve[-1]
            sentences.append(
                f"banks of {last.clips} of these clips flagged {100 * last.false_alarms:.1f} % of the others"
            )
        return sentences

    def _enough(self) -> list[str]:
        sentences = [
            f"record {count} more clips of {name}, so that {100 * self.rate:g} % rests on clips and not on a curve"
            for name, count in self.missing.items()
        ]
        if MIXED in self.support:
            sentences.append(
                f"a condition has fewer than {FEWEST_CLIPS_OF_A_CONDITION} clips and is judged by all together, so "
                "that nothing is promised for it: record more of it"
            )
        if self.recordings < FEWEST_RECORDINGS:
            sentences.append(
                f"record at other times: clips of {self.recordings} recording{'s' if self.recordings > 1 else ''} "
                "resemble each other, and the machine does more than they hold"
            )
        if self.curve and not self.is_settled:
            sentences.append(
                f"the threshold still falls, from {self.curve[-1].threshold:.2f} to {self.threshold:.2f} typical "
                "scores with the last clips: more will find fainter faults"
            )
        return sentences or ["these recordings are enough for this rate; the threshold has settled"]


def _called(condition: str) -> str:
    return "all conditions together" if condition == MIXED else condition


def expectation(machine: str, reference: MachineReference, recordings: Sequence[str], seed: int = 0) -> Expectation:
    """Return what is to be expected of a machine's reference.

    Parameters
    ----------
    recordings : R str
        Which recording each of its clips is of.
    """
    return Expectation(
        machine=machine,
        rate=reference.calibration.false_alarm_rate,
        support=reference.calibration.support(),
        recordings=len(set(recordings)),
        curve=tuple(learning_curve(reference, recordings, seed)),
        threshold=threshold_in_normals(reference),
    )
