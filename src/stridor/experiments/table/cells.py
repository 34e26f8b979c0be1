"""A cell of the table: one variant of the method, trained with one seed for one detector, in its own folders."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stridor.common.errors import StridorError
from stridor.common.stage_process import stage_process
from stridor.params import Params, read_params
from stridor.stages.layout import Layout, PathBelow, settle_compute

# The method as set in params.yaml, without a variant. With the seed of params.yaml it is the pipeline itself.
FULL = "full"
FOLDER = Path("experiments/table")


@dataclass(frozen=True)
class CellLayout(Layout):
    """Paths of a cell's files.

    Attributes
    ----------
    variant : str
        One of `table.variants`, or "full".
    seed : int
    """

    variant: str = FULL
    seed: int = 0

    @property
    def _cell(self) -> Path:
        return Path(self.variant, str(self.seed), self.detector)

    @property
    def artifacts(self) -> Path:
        """Files written by training."""
        return FOLDER / "artifacts" / self._cell

    @property
    def resume(self) -> Path:
        """State of an unfinished training; not among the outputs, which DVC deletes before a stage runs."""
        return FOLDER / "artifacts/.resume" / self._cell

    @property
    def results(self) -> Path:
        """Files written by scoring."""
        return FOLDER / "results" / self._cell

    curves = PathBelow("artifacts", "curves.csv")
    separation = PathBelow("artifacts", "separation.json")
    banks = PathBelow("results", "bank")


def cell_params(params: Params, layout: CellLayout) -> Params:
    """Return the parameters of a cell, in which the variant's values replace the detector's own values.

    There are no baselines, since the pipeline scores them.

    Raises
    ------
    StridorError
        If the variant or detector is unknown, or the variant contains an unknown parameter or a value out of range.
    """
    variants: dict[str, dict[str, Any]] = {FULL: {}} | params.table.variants
    if layout.variant not in variants:
        raise StridorError(f"params.yaml has no variant '{layout.variant}'; table.variants has {', '.join(variants)}.")
    own = params.for_detector(layout.detector)
    values = variants[layout.variant] | {"seed": layout.seed, "baselines": []}
    try:
        return own.replaced(values)
    except StridorError as error:
        raise StridorError(f"params.yaml, table.variants.{layout.variant}: {error}") from None


def run_for_cell(stage: Callable[[CellLayout, Params], None]) -> None:
    """Run a stage for the variant, seed and detector named on the command line."""
    with stage_process():
        if len(sys.argv) != 4:
            raise SystemExit(f"usage: {Path(sys.argv[0]).stem} <variant> <seed> <detector>")
        variant, seed, detector = sys.argv[1:]
        layout = CellLayout(detector, variant=variant, seed=int(seed))
        params = cell_params(read_params(), layout)
        settle_compute(params)
        stage(layout, params)
