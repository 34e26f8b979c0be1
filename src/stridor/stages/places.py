"""Where the files of a detector lie."""

from dataclasses import dataclass
from pathlib import Path

DATA = Path("data")
REPORTS = Path("reports")


@dataclass(frozen=True)
class Places:
    """Files of one detector, relative to the project's root.

    Attributes
    ----------
    detector : str
    base : Path
        Folder that holds `artifacts/` and `results/`: the project's root, or one of its own for a trial.
    """

    detector: str
    base: Path = Path()

    @property
    def artifacts(self) -> Path:
        """What later stages need."""
        return self.base / "artifacts" / self.detector

    @property
    def results(self) -> Path:
        """What people look at."""
        return self.base / "results" / self.detector

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
    def stage_one(self) -> Path:
        """The encoder between the stages; missing where one of them has no epochs."""
        return self.trained / "stage_one.pt"

    @property
    def separator(self) -> Path:
        """The decoder's weights."""
        return self.trained / "separator.pt"

    @property
    def resume(self) -> Path:
        """State of an unfinished training; outside the outputs, which DVC deletes before a stage runs."""
        return self.base / "artifacts/.resume" / self.detector

    @property
    def banks(self) -> Path:
        """Reference banks, by system and machine."""
        return self.artifacts / "bank"

    @property
    def autoencoders(self) -> Path:
        """The organisers' autoencoder of every machine."""
        return self.artifacts / "autoencoder"

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
        """Measures of every system."""
        return self.results / "metrics.json"
