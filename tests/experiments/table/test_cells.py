"""Paths and parameters of cells."""

from pathlib import Path

import pytest

from stridor.common.errors import StridorError
from stridor.experiments.table.cells import FULL, CellLayout, cell_params
from stridor.params import Params

VARIANTS = {
    "slow": {"training.learning_rate": 1e-6},
    "unmixed": {"augment.mix": False, "training.interferer_weight": 0},
    "mistyped": {"training.learning_rat": 1.0},
    "half_unmixed": {"augment.mix": False},
}
PARAMS = Params(
    seed=3,
    detectors={"fan": {"machines": ["fan"], "learning_rate": 0.5, "overrides": {"bank.k": 2}}},
    table={"variants": VARIANTS},
)


def params_of(variant: str, seed: int = 3) -> Params:
    return cell_params(PARAMS, CellLayout("fan", variant=variant, seed=seed))


def test_a_variant_comes_before_the_values_of_the_detector():
    slow = params_of("slow", seed=7)
    assert (slow.training.learning_rate, slow.bank.k, slow.seed) == (1e-6, 2, 7)
    assert slow.for_detector("fan") == slow
    assert slow.baselines == ()
    unmixed = params_of("unmixed")
    assert (unmixed.augment.mix, unmixed.training.interferer_weight) == (False, 0)
    assert unmixed.training.learning_rate == 0.5


def test_the_full_method_with_another_seed_differs_by_nothing_else():
    own = PARAMS.for_detector("fan")
    other = params_of(FULL, seed=4)
    assert (other.training, other.augment, other.bank) == (own.training, own.augment, own.bank)
    assert other.seed == 4


@pytest.mark.parametrize(
    ("variant", "complaint"),
    [
        ("fast", r"no variant 'fast'; table.variants has full, slow, "),
        ("mistyped", r"table.variants.mistyped: .*training.learning_rat"),
        ("half_unmixed", r"table.variants.half_unmixed: .*interferer_weight to 0"),
    ],
)
def test_what_does_not_fit_is_named(variant, complaint):
    with pytest.raises(StridorError, match=complaint):
        params_of(variant)


def test_no_two_cells_and_not_the_pipeline_share_a_file():
    cells = [CellLayout("fan", variant=v, seed=s) for v in ("slow", "unmixed") for s in (0, 1)]
    for name in ("manifest", "encoder", "banks", "resume", "curves", "separation", "scores", "metrics", "figures"):
        layout = {getattr(cell, name) for cell in cells}
        assert len(layout) == 4
        assert all(Path("experiments/table") in place.parents for place in layout)
    # Training must not leave anything in what scoring leaves, as DVC gives a folder to one stage.
    cell = cells[0]
    assert all(cell.artifacts in place.parents for place in (cell.manifest, cell.encoder, cell.curves, cell.separation))
    assert all(cell.results in place.parents for place in (cell.banks, cell.scores, cell.metrics, cell.figures))
    assert cell.artifacts not in cell.resume.parents
