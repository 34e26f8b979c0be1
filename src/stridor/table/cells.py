"""A cell of the table: one variant of the method, trained with one seed for one detector, in folders of its own."""

from dataclasses import dataclass
from pathlib import Path

from stridor.errors import StridorError
from stridor.params import Params
from stridor.records import DetectorParams
from stridor.stages.places import Places

# The method as params.yaml describes it, which is no variant. With the seed of params.yaml it is the pipeline itself.
FULL = "full"
FOLDER = Path("table")


@dataclass(frozen=True)
class CellPlaces(Places):
    """Where the files of a cell lie.

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
        """What training leaves."""
        return FOLDER / "artifacts" / self._cell

    @property
    def resume(self) -> Path:
        """State of an unfinished training; outside the outputs, which DVC deletes before a stage runs."""
        return FOLDER / "artifacts/.resume" / self._cell

    @property
    def curves(self) -> Path:
        """Losses and separation by epoch."""
        return self.artifacts / "curves.csv"

    @property
    def separation(self) -> Path:
        """How well held-out mixtures are separated after the last epoch."""
        return self.artifacts / "separation.json"

    @property
    def results(self) -> Path:
        """What scoring leaves."""
        return FOLDER / "results" / self._cell

    @property
    def banks(self) -> Path:
        """Reference banks, by system and machine."""
        return self.results / "bank"


def cell_params(params: Params, places: CellPlaces) -> Params:
    """Return the parameters of a cell, in which the variant's values also come before the detector's own.

    Baselines are left to the pipeline.

    Raises
    ------
    StridorError
        If there is no such variant or detector, or the variant names an unknown parameter or a value out of range.
    """
    variants = {FULL: {}} | params.table.variants
    if places.variant not in variants:
        raise StridorError(f"params.yaml has no variant '{places.variant}'; table.variants has {', '.join(variants)}.")
    own = params.for_detector(places.detector)
    bare = DetectorParams(machines=own.detectors[places.detector].machines)
    own = own.model_copy(update={"detectors": {places.detector: bare}})
    values = variants[places.variant] | {"seed": places.seed, "baselines": []}
    try:
        return own.replaced(values)
    except StridorError as error:
        raise StridorError(f"params.yaml, table.variants.{places.variant}: {error}") from None
