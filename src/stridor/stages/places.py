"""Where the files of a detector lie."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DATA = Path("data")
REPORTS = Path("reports")

# What is scored side by side: the encoder after the two stages, and the one that they started from.
System = Literal["fine_tuned", "frozen"]
SYSTEMS: tuple[System, ...] = ("fine_tuned", "frozen")


@dataclass(frozen=True)
class Places:
    """Files of one detector, relative to the project's root."""

    detector: str

    @property
    def artifacts(self) -> Path:
        """What later stages need."""
        return Path("artifacts") / self.detector

    @property
    def results(self) -> Path:
        """What people look at."""
        return Path("results") / self.detector

    @property
    def manifest(self) -> Path:
        """Every clip of the detector's machines."""
        return self.artifacts / "manifest.csv"

    @property
    def augmented(self) -> Path:
        """Mixtures and their table of pairs."""
        return self.artifacts / "augmented"

    @property
    def trained(self) -> Path:
        """Folder of the weights."""
        return self.artifacts / "encoder"

    @property
    def encoder(self) -> Path:
        """Fine-tuned weights, in the BEATs checkpoint format."""
        return self.trained / "encoder.pt"

    @property
    def separator(self) -> Path:
        """The decoder's weights."""
        return self.trained / "separator.pt"

    @property
    def resume(self) -> Path:
        """State of an unfinished training; outside the outputs, which DVC deletes before a stage runs."""
        return Path("artifacts/.resume") / self.detector

    @property
    def banks(self) -> Path:
        """Reference banks, by system and machine."""
        return self.artifacts / "bank"

    @property
    def registered(self) -> Path:
        """Record of what was registered."""
        return self.artifacts / "registered.json"

    @property
    def curves(self) -> Path:
        """Losses and separation by epoch."""
        return self.results / "curves.csv"

    @property
    def separation(self) -> Path:
        """How well held-out mixtures are separated after the last epoch."""
        return self.results / "separation.json"

    @property
    def scores(self) -> Path:
        """Official result files, by system."""
        return self.results / "scores"

    @property
    def figures(self) -> Path:
        """ROC curves and histograms of the fine-tuned system."""
        return self.results / "figures"

    @property
    def metrics(self) -> Path:
        """Measures of both systems."""
        return self.results / "metrics.json"
