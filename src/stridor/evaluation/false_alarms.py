"""False alarms on normal clips, counted and with the interval that so many clips support."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class FalseAlarms:
    """How many of some normal clips were flagged.

    Examples
    --------
    >>> from stridor.evaluation.false_alarms import FalseAlarms
    >>> FalseAlarms(3, 105).text(0.95)
    '3 of 105, 2.9 [0.6, 8.1]'
    """

    flagged: int
    normals: int

    @classmethod
    def sum(cls, several: Iterable["FalseAlarms"]) -> "FalseAlarms":
        """Add up counts of different clips."""
        counts = list(several)
        return cls(sum(one.flagged for one in counts), sum(one.normals for one in counts))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the exact interval of the rate: Clopper, Pearson (Biometrika 1934), for independent clips.

        Parameters
        ----------
        confidence : float in (0, 1)
        """
        from scipy.stats import beta

        flagged, silent, outside = self.flagged, self.normals - self.flagged, (1 - confidence) / 2
        low = float(beta.ppf(outside, flagged, silent + 1)) if flagged else 0.0
        high = float(beta.isf(outside, flagged + 1, silent)) if silent else 1.0
        return low, high

    def text(self, confidence: float) -> str:
        """Return the counts, the rate in percent and its interval, for a cell of a table."""
        if not self.normals:
            return "-"
        low, high = self.interval(confidence)
        rate = 100 * self.flagged / self.normals
        return f"{self.flagged} of {self.normals}, {rate:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
