"""What a user may ask of a detector beside a verdict on a clip."""

import re
from dataclasses import dataclass

from stridor.common.errors import StridorError

SHORTEST_WINDOW_SECONDS, LONGEST_WINDOW_SECONDS = 1.0, 120.0
SHORTEST_HOP_SECONDS = 0.1


@dataclass(frozen=True)
class ScoringOptions:
    """How a recording is cut, and what counts as an alarm.

    Attributes
    ----------
    length_seconds : float, optional
        Length of a window, 1 to 120 s; by default that of the clips that the machine was learnt from. A recording of up
        to one and a half of it is one window.
    hop_seconds : float, optional
        From the start of a window to that of the next; the length by default.
    false_alarm_rate : float in (0, 1), optional
        Share of the normal clips of each condition that may be flagged; by default that of the detector.
    condition : str, optional
        "source" or "target", if it is known under which one the machine was recorded; by default that of the nearest
        normal clip. "any" keeps the promise for all of them without knowing, and finds fewer faults.
    alarm : (int, int), optional
        (k, n): a recording is anomalous if among some n consecutive windows k or more are flagged. By default one
        flagged window is enough.

    Raises
    ------
    StridorError
        If a value is out of its range.
    """

    length_seconds: float | None = None
    hop_seconds: float | None = None
    false_alarm_rate: float | None = None
    condition: str | None = None
    alarm: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        length, hop, rate = self.length_seconds, self.hop_seconds, self.false_alarm_rate
        if length is not None and not SHORTEST_WINDOW_SECONDS <= length <= LONGEST_WINDOW_SECONDS:
            raise StridorError(
                f"The length of a window is {length:g} s; give {SHORTEST_WINDOW_SECONDS:g} to "
                f"{LONGEST_WINDOW_SECONDS:g} seconds."
            )
        if hop is not None and not SHORTEST_HOP_SECONDS <= hop <= (length or LONGEST_WINDOW_SECONDS):
            raise StridorError(
                f"The hop between windows is {hop:g} s; give {SHORTEST_HOP_SECONDS:g} s to a window's length."
            )
        if rate is not None and not 0 < rate < 1:
            raise StridorError(f"The false-alarm rate is {rate:g}; give a share between 0 and 1, such as 0.01.")
        count, among = self.alarm
        if not 1 <= count <= among:
            raise StridorError(
                f"The alarm rule is {count} of {among} windows; give at least one, and not more than there are: 3/5."
            )


def parse_alarm(text: str) -> tuple[int, int]:
    """Read an alarm rule such as "3/5".

    Raises
    ------
    StridorError
        If it is not one.
    """
    match = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
    if not match:
        raise StridorError(f"The alarm rule is '{text}'; give K/N, K of N windows in a row, such as 3/5.")
    return int(match[1]), int(match[2])
