"""How often a detector will be wrong about a machine that is well, and what that rests on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    threshold : float
    window_seconds, hop_seconds : float
    support : dict of str to int
        Number of clips of each condition; empty if not known.
    alarm : (int, int)
    """

    machine: str
    rate: float
    threshold: float
    window_seconds: float
    hop_seconds: float
    support: dict[str, int]
    alarm: tuple[int, int]

    @property
    def alarms_an_hour(self) -> float:
        """Windows flagged in an hour of listening to a machine that is well."""
        return self.rate * 3600 / self.hop_seconds

    def text(self, windows: int) -> str:
        """Return the promise for people; the longest recording had so many windows."""
        clips = " and ".join(f"{count} clips of {name}" for name, count in self.support.items())
        sentences = [
            f"{self.machine}: scores above {self.threshold:.4g} are flagged, {share_in_words(self.rate)} normal clips "
            f"of {self.window_seconds:g} s, which are {self.alarms_an_hour:.2g} an hour of listening",
            f"this rests on {clips}" if clips else "how many clips this rests on is not known",
        ]
        for name, count in self.support.items():
            if self.rate * (count + 1) < 1 - 1e-9:
                sentences.append(
                    f"{count} clips of {name} support nothing rarer than 1 in {count + 1}, beyond that a curve that is "
                    "fitted to them speaks"
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
    calibration = detector.references[machine].calibration
    rate = calibration.false_alarm_rate if options.false_alarm_rate is None else options.false_alarm_rate
    length = detector.window_seconds(machine, options)
    return Promise(
        machine=machine,
        rate=rate,
        threshold=calibration.threshold_for(rate, options.condition),
        window_seconds=length,
        hop_seconds=min(length, options.hop_seconds or length),
        support=calibration.support(options.condition),
        alarm=options.alarm,
    )
