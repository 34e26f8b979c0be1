"""Paths of a detector's files, and the command line of a stage: `python -m stridor.stages.<stage> <detector>`."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stridor.common.atomic import atomic_file
from stridor.common.compute import set_threads
from stridor.common.errors import one_sentence
from stridor.common.project import check_code
from stridor.params import Params, read_params

DATA = Path("data")
REPORTS = Path("reports")


@dataclass(frozen=True)
class Layout:
    """Paths of one detector's files, relative to the project's root.

    Attributes
    ----------
    detector : str
    base : Path
        Folder that contains `artifacts/` and `results/`: the project's root, or a trial's own folder.
    """

    detector: str
    base: Path = Path()

    @property
    def artifacts(self) -> Path:
        """Files for later stages."""
        return self.base / "artifacts" / self.detector

    @property
    def results(self) -> Path:
        """Files for people."""
        return self.base / "results" / self.detector

    @property
    def manifest(self) -> Path:
        """Every clip of the detector's machines."""
        return self.artifacts / "manifest.csv"

    @property
    def augmented(self) -> Path:
        """Mixtures and the table that pairs them with their originals."""
        return self.artifacts / "augmented"

    @property
    def trained(self) -> Path:
        """Folder of the weights."""
        return self.artifacts / "encoder"

    @property
    def encoder(self) -> Path:
        """Fine-tuned weights, in the format of a checkpoint."""
        return self.trained / "encoder.pt"

    @property
    def stage_one(self) -> Path:
        """The encoder after stage one; missing if one of the two stages has no epochs."""
        return self.trained / "stage_one.pt"

    @property
    def separator(self) -> Path:
        """The decoder's weights."""
        return self.trained / "separator.pt"

    @property
    def resume(self) -> Path:
        """State of an unfinished training; not among the outputs, which DVC deletes before a stage runs."""
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
        """Description of the registered version."""
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


def run_for_detector(stage: Callable[[Layout, Params], None]) -> None:
    """Run a stage for the detector named on the command line, with this detector's parameters."""
    with one_sentence():
        if len(sys.argv) != 2:
            raise SystemExit(f"usage: python -m stridor.stages.{Path(sys.argv[0]).stem} <detector>")
        check_code()
        detector = sys.argv[1]
        params = read_params().for_detector(detector)
        set_threads(params.compute.threads)
        stage(Layout(detector), params)


def write_json(path: Path, values: dict[Any, Any]) -> None:
    """Write a small JSON file for people and DVC."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
