"""Scores read from the official result files: a row for every system and every variant."""

from dataclasses import dataclass
from functools import partial

from stridor.common.errors import StridorError
from stridor.evaluation.measures import ScoredClips
from stridor.experiments.table.cells import FULL, CellLayout
from stridor.params import Params
from stridor.stages.summary import scored_of_all
from stridor.stages.systems import NAMES, systems_of, trained_system


@dataclass(frozen=True, eq=False)
class Row:
    """A system or variant.

    Attributes
    ----------
    key, name : str
        Name in the parameters, and name for people.
    by_seed : tuple of lists of ScoredClips
        Scored clips of all machines, for every seed.
    """

    key: str
    name: str
    by_seed: tuple[list[ScoredClips], ...]


def read_rows(params: Params) -> list[Row]:
    """Read the results of the pipeline and of the cells: the baselines, the full method, the variants.

    Raises
    ------
    StridorError
        If the full method and the variants were not trained with the same seeds, or results are missing.
    """
    table = params.table
    if sorted(table.seeds) != sorted({params.seed, *table.full_seeds}):
        raise StridorError(
            f"The variants have the seeds {_joined(table.seeds)} and the full method "
            f"{_joined((params.seed, *table.full_seeds))}; run 'make table SEEDS={len(table.seeds)}', which sets both."
        )
    rows = [
        Row(system, NAMES[system], (scored_of_all(system, params),))
        for system in systems_of(params)
        if system != trained_system(params)
    ]
    full = [
        scored_of_all(trained_system(params), params),
        *(_cell_scores(FULL, seed, params) for seed in table.full_seeds),
    ]
    rows.append(Row(FULL, "full method", tuple(full)))
    for variant in table.variants:
        scored = tuple(_cell_scores(variant, seed, params) for seed in table.seeds)
        rows.append(Row(variant, variant.replace("_", " "), scored))
    return rows


def _cell_scores(variant: str, seed: int, params: Params) -> list[ScoredClips]:
    return scored_of_all(trained_system(params), params, partial(CellLayout, variant=variant, seed=seed))


def _joined(seeds: tuple[int, ...]) -> str:
    return ", ".join(map(str, seeds))
