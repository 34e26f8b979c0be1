"""What a detector says of a recording."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stridor.common.text import printable


@dataclass(frozen=True)
class WindowScore:
    """What a detector says of a part of a recording.

    Attributes
    ----------
    start_seconds, seconds : float
        Where it begins, and its length.
    score : float
    threshold : float
        Above which it is flagged; of the condition that the window is judged by.
    p_value : float
        Share of normal clips of this condition that score at least as high.
    condition : str
        The condition: "source", "target", or "all".
    clips : int
        Number of its clips; 0 if it is not known.
    """

    start_seconds: float
    seconds: float
    score: float
    threshold: float
    p_value: float
    condition: str = "all"
    clips: int = 0

    @property
    def flagged(self) -> bool:
        """Whether the score is above the threshold."""
        return self.score > self.threshold


def oddness_of(window: WindowScore) -> tuple[float, float]:
    """Return a key that puts the oddest window first: the smallest p-value and, of equal ones, the highest score."""
    return window.p_value, -window.score


@dataclass(frozen=True)
class Verdict:
    """What a detector says of a recording.

    Attributes
    ----------
    recording : str
        Its path, or what stands for it in messages.
    machine : str
    score : float
        Distance to the nearest normal clips; higher is more anomalous. Of several windows, that of the oddest.
    threshold : float
        Of this machine, for the false-alarm rate that was asked for and the condition that the window is judged by.
    anomalous : bool
        Whether the score is above the threshold; of several windows, as `ScoringOptions.alarm` says.
    nearest : str
        File name of the normal clip that is nearest to the oddest window; empty of an autoencoder, which has none.
    p_value : float
        Share of normal clips of this condition that would score at least as high as that window.
    condition : str
        The condition: "source", "target", or "all".
    clips : int
        Their number; 0 if it is not known.
    windows : tuple of WindowScore
        The recording in time, one for a clip.
    worst_second : float
        Where it sounds worst: of an anomalous recording, where the second begins without which the oddest window would
        sound most normal; of a normal one, where the oddest window begins.

    Examples
    --------
    >>> from stridor import Verdict
    >>> verdict = Verdict("new.wav", "valve", 0.41, 0.25, True, "normal_0007.wav", 0.019, "source", 55)
    >>> print(verdict.text())
    new.wav: ANOMALOUS (valve), score 0.41, threshold 0.25, nearest normal normal_0007.wav
    >>> print(verdict.oddness())
    about 2 in 100 normal clips sound this odd, by 55 clips of source
    """

    recording: str
    machine: str
    score: float
    threshold: float
    anomalous: bool
    nearest: str
    p_value: float = float("nan")
    condition: str = "all"
    clips: int = 0
    windows: tuple[WindowScore, ...] = ()
    worst_second: float = 0.0

    @property
    def oddest_start(self) -> float:
        """Where the oddest window begins."""
        return min(self.windows, key=oddness_of).start_seconds if self.windows else 0.0

    @property
    def window_count(self) -> int:
        """Number of windows."""
        return len(self.windows)

    @property
    def seconds(self) -> float:
        """The length of the recording."""
        return max((one.start_seconds + one.seconds for one in self.windows), default=0.0)

    @property
    def has_worst_second(self) -> bool:
        """Whether `worst_second` says more than that there is one window."""
        return len(self.windows) > 1 or self.worst_second > 0

    @property
    def beyond_experience(self) -> bool:
        """Whether the p-value is smaller than the number of clips supports, so that a fitted curve says it."""
        return bool(self.clips) and self.p_value * (self.clips + 1) < 1 - 1e-9

    def text(self) -> str:
        """Return the verdict as a line for people."""
        judgement = "ANOMALOUS" if self.anomalous else "normal"
        where = f" at {clock(self.worst_second)} of {clock(self.seconds)}" if self.has_worst_second else ""
        nearest = f", nearest normal {printable(self.nearest)}" if self.nearest else ""
        return (
            f"{printable(self.recording)}: {judgement} ({self.machine}), score {self.score:.4g}{where}, threshold "
            f"{self.threshold:.4g}{nearest}"
        )

    def oddness(self) -> str:
        """Return the p-value in words."""
        share = share_in_words(self.p_value)
        if not self.clips:
            return f"{share} normal clips sound this odd"
        whose = f"{self.clips} clips" + ("" if self.condition == "all" else f" of {self.condition}")
        by = f"by the curve fitted to {whose}, none of which does" if self.beyond_experience else f"by {whose}"
        return f"{share} normal clips sound this odd, {by}"


def share_in_words(share: float) -> str:
    """Return a share as people say it: "about 2 in 100".

    Examples
    --------
    >>> from stridor.serving.verdict import share_in_words
    >>> [share_in_words(share) for share in (0.8, 0.019, 0.0034, 1e-9)]
    ['about 80 in 100', 'about 2 in 100', 'about 3 in 1,000', 'fewer than 1 in 1,000,000']
    """
    for of in (100, 1_000, 10_000, 100_000, 1_000_000):
        if share * of >= 0.95:
            return f"about {round(share * of)} in {of:,}"
    return "fewer than 1 in 1,000,000"


def clock(seconds: float) -> str:
    """Return a time within a recording, as 1:02:03.5."""
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02d}:{rest / 10:04.1f}" if hours else f"{minutes}:{rest / 10:04.1f}"
    return f"{hours}:{text}" if hours else text


def any_run_has(flagged: Sequence[bool] | np.ndarray, count: int, among: int) -> bool:
    """Tell whether among some `among` consecutive windows at least `count` are flagged; fewer windows are one run."""
    total = np.concatenate([[0], np.cumsum(np.asarray(flagged, dtype=np.int64))])
    among = min(among, len(total) - 1)
    return bool(among) and bool((total[among:] - total[: len(total) - among]).max() >= count)
