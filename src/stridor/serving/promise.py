"""How often a detector will be wrong about a machine that is well, and what that rests on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stridor.scoring.reference import ANY_CONDITION
from stridor.serving.options import ScoringOptions
from stridor.serving.verdict import share_in_words

if TYPE_CHECKING:
    from stridor.serving.detector import Detector


@dataclass(frozen=True)
class Promise:
    """What a detector promises of normal clips.

    Attributes
    ----------
    machine : str
    rate : float
        Share of normal clips of each condition that may be flagged.
    thresholds : dict of str to float
        Of each condition.
    window_seconds, hop_seconds : float
    support : dict of str to int
        Number of clips of each condition; empty if not known.
    highest_normal : float
        The largest leave-one-out score of a normal clip; 0 if not known.
    alarm : (int, int)
    """

    machine: str
    rate: float
    thresholds: dict[str, float]
    window_seconds: float
    hop_seconds: float
    support: dict[str, int]
    highest_normal: float
    alarm: tuple[int, int]

    @property
    def alarms_an_hour(self) -> float:
        """Windows flagged in an hour of listening to a machine that is well."""
        return self.rate * 3600 / self.hop_seconds

    def text(self, windows: int) -> str:
        """Return the promise for people; the longest recording had so many windows."""
        clips = " and ".join(f"{count} clips of {name}" for name, count in self.support.items())
        limits = " or ".join(f"{limit:.4g} ({name})" for name, limit in self.thresholds.items())
        sentences = [
            f"{self.machine}: scores above {limits} are flagged, {share_in_words(self.rate)} normal clips of "
            f"{self.window_seconds:g} s, which are {self.alarms_an_hour:.2g} an hour of listening",
            f"this rests on {clips}" if clips else "how many clips this rests on is not known",
        ]
        for name, count in self.support.items():
            if self.rate * (count + 1) < 1 - 1e-9:
                sentences.append(
                    f"{count} clips of {name} support nothing rarer than 1 in {count + 1}, and anything rarer comes "
                    "from a curve fitted to them"
                )
        for name, limit in self.thresholds.items():
            if limit > 2 * self.highest_normal > 0:
                sentences.append(
                    f"the threshold for {name} is {limit / self.highest_normal:.2g} times the highest score of a "
                    "normal clip, so that many faults will pass: record more clips or allow more false alarms"
                )
        if windows > 1 and self.alarm == (1, 1):
            odds = share_in_words(min(1.0, windows * self.rate))
            sentences.append(
                f"one flagged window is enough, so that of normal recordings of {windows} windows up to "
                f"{odds.removeprefix('about ')} are anomalous by chance; --alarm 2/3 asks for more"
            )
        return "; ".join(sentences) + "."


def promise(detector: "Detector", machine: str, options: ScoringOptions) -> Promise:
    """Return what a detector promises under some options.

    Raises
    ------
    StridorError
        If it has not learnt the condition.
    """
    calibration, condition = detector.references[machine].calibration, options.condition
    rate = calibration.false_alarm_rate if options.false_alarm_rate is None else options.false_alarm_rate
    length = detector.window_seconds(machine, options)
    support = calibration.support(None if condition == ANY_CONDITION else condition)
    if condition == ANY_CONDITION or not support:
        thresholds = {ANY_CONDITION: calibration.threshold_for(rate)}
    else:
        thresholds = {name: calibration.threshold_for(rate, name) for name in support}
    return Promise(
        machine=machine,
        rate=rate,
        thresholds=thresholds,
        window_seconds=length,
        hop_seconds=min(length, options.hop_seconds or length),
        support=support,
        highest_normal=max((max(scores) for scores in calibration.normals.values()), default=0.0),
        alarm=options.alarm,
    )
