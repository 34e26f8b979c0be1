"""Paths of a detector's files, and the command line of a stage: `python -m stridor.stages.<stage> <detector>`."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stridor.common.atomic import atomic_file
from stridor.common.compute import check_compute, set_threads
from stridor.common.reproducible import start_again
from stridor.common.stage_process import stage_process
from stridor.params import Params, read_params

DATA = Path("data")
REPORTS = Path("reports")


class PathBelow:
    """An attribute of a layout: a name below another of its paths."""

    def __init__(self, parent: str, name: str) -> None:
        self.parent, self.name = parent, name

    def __get__(self, layout: "Layout", owner: type) -> Path:
        return getattr(layout, self.parent) / self.name


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
    def resume(self) -> Path:
        """State of an unfinished training; not among the outputs, which DVC deletes before a stage runs."""
        return self.base / "artifacts/.resume" / self.detector

    finished = PathBelow("resume", "finished")  # a mark: the training has ended, and DVC may not have recorded it yet
    manifest = PathBelow("artifacts", "manifest.csv")  # every clip of the detector's machines
    augmented = PathBelow("artifacts", "augmented")  # mixtures and the table that pairs them with their originals
    trained = PathBelow("artifacts", "encoder")  # folder of the weights
    encoder = PathBelow("trained", "encoder.pt")  # fine-tuned weights, in the format of a checkpoint
    stage_one = PathBelow("trained", "stage_one.pt")  # after stage one; missing if one of the stages has no epochs
    separator = PathBelow("trained", "separator.pt")  # the decoder's weights
    banks = PathBelow("artifacts", "bank")  # reference banks, by system and machine
    autoencoders = PathBelow("artifacts", "autoencoder")  # the organisers' autoencoder of every machine
    registered = PathBelow("artifacts", "registered.json")  # description of the registered version
    curves = PathBelow("results", "curves.csv")  # losses and separation by epoch
    separation = PathBelow("results", "separation.json")  # how well held-out mixtures are separated in the end
    scores = PathBelow("results", "scores")  # official result files, by system
    figures = PathBelow("results", "figures")  # ROC curves and histograms of the fine-tuned system
    metrics = PathBelow("results", "metrics.json")  # measures of every system


def run_for_detector(stage: Callable[[Layout, Params], None]) -> None:
    """Run a stage for the detector named on the command line, with this detector's parameters."""
    with stage_process():
        if len(sys.argv) != 2:
            raise SystemExit(f"usage: python -m stridor.stages.{Path(sys.argv[0]).stem} <detector>")
        detector = sys.argv[1]
        params = read_params().for_detector(detector)
        check_compute(params.compute.accelerator, params.compute.num_nodes)
        settle_compute(params)
        stage(Layout(detector), params)


def settle_compute(params: Params) -> None:
    """Let this process compute as the section `compute` says; where bits must be the same, it starts once more."""
    if params.compute.reproducible:
        start_again()
    set_threads(params.compute.threads)


def write_json(path: Path, values: dict[Any, Any]) -> None:
    """Write a small JSON file for people and DVC."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
