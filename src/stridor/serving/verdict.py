"""What a detector says of a recording."""

from dataclasses import dataclass

from stridor.common.text import printable


@dataclass(frozen=True)
class Verdict:
    """What a detector says of a recording.

    Attributes
    ----------
    recording : str
        Its path, or what stands for it in messages.
    machine : str
    score : float
        Distance to the nearest normal clips; higher is more anomalous.
    threshold : float
        Of this machine.
    anomalous : bool
        Whether the score is above the threshold.
    nearest : str
        File name of the nearest normal clip.

    Examples
    --------
    >>> from stridor import Verdict
    >>> print(Verdict("new.wav", "valve", 0.41, 0.25, True, "normal_0007.wav").text())
    new.wav: ANOMALOUS (valve), score 0.41, threshold 0.25, nearest normal normal_0007.wav
    """

    recording: str
    machine: str
    score: float
    threshold: float
    anomalous: bool
    nearest: str

    def text(self) -> str:
        """Return the verdict as a line for people."""
        judgement = "ANOMALOUS" if self.anomalous else "normal"
        return (
            f"{printable(self.recording)}: {judgement} ({self.machine}), score {self.score:.4g}, threshold "
            f"{self.threshold:.4g}, nearest normal {printable(self.nearest)}"
        )
