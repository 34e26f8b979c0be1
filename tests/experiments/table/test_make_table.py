"""Cells that are run, and rows that are read back from them."""

import numpy as np
import pytest

from stridor.common.errors import StridorError
from stridor.evaluation.official import read_official
from stridor.experiments.table import score_cell, train_cell
from stridor.experiments.table.cells import CellLayout, cell_params
from stridor.experiments.table.make_table import cell_stages, write_table
from stridor.experiments.table.rows import read_rows
from stridor.params import read_params
from stridor.stages.layout import Layout
from tiny_project import VALUES, write_params, write_project

pytestmark = pytest.mark.slow

PIPELINE = Layout("pump")


def scores(layout: Layout, system: str = "fine_tuned") -> np.ndarray:
    return read_official(layout.scores / system, "pump").scores


def run_cell(variant: str, seed: str) -> None:
    layout = CellLayout("pump", variant=variant, seed=int(seed))
    for step in (train_cell, score_cell):
        step.run(layout, cell_params(read_params(), layout))


def test_cells_and_the_pipeline_do_not_change_each_other(evaluated):
    from mlflow import MlflowClient

    for variant in ("same", "unmixed"):
        run_cell(variant, "1")
    same, unmixed = (CellLayout("pump", variant=variant, seed=1) for variant in ("same", "unmixed"))
    # With equal values and the same seed a cell does what the pipeline does.
    np.testing.assert_array_equal(scores(same), scores(PIPELINE))
    assert not np.allclose(scores(unmixed), scores(PIPELINE))
    assert not same.augmented.exists()
    assert not same.resume.exists()
    [run] = MlflowClient().search_runs(["1"], "tags.variant = 'unmixed'")
    assert run.data.tags["table_seed"] == "1"
    assert run.data.tags["mlflow.runName"] == "pump, unmixed, seed 1"
    assert run.data.params["augment.mix"] == "False"

    rows = {row.key: row for row in read_rows(read_params())}
    assert list(rows)[-4:] == ["stage_one", "full", "unmixed", "same"]
    said = []
    compared = {one.row.key: one for one in write_table(read_params(), said.append)}
    assert compared["same"].to_full.difference.value == 0
    assert any(line.startswith("unmixed: ") for line in said)
    page = (evaluated / "reports/table.md").read_text()
    assert "| machine | measure | autoencoder, MSE |" in page
    assert "published" not in page
    assert (evaluated / "reports/table.png").stat().st_size > 10_000


def test_rows_that_do_not_belong_together_are_refused(evaluated):
    with pytest.raises(StridorError, match="no scores of pump in experiments/table/results/unmixed/1/pump/scores"):
        read_rows(read_params())
    write_params(evaluated, table=VALUES["table"] | {"seeds": [1, 2]})
    with pytest.raises(StridorError, match=r"seeds 1, 2 and the full method 1; run 'make table SEEDS=2'"):
        read_rows(read_params())


def test_every_cell_has_a_target(project):
    write_project(project, table=VALUES["table"] | {"seeds": [1, 2], "full_seeds": [2]})
    assert cell_stages(read_params()) == [
        (f"experiments/table/dvc.yaml:train{cell}", f"experiments/table/dvc.yaml:score{cell}")
        for cell in ("@unmixed-1-pump", "@same-1-pump", "@unmixed-2-pump", "@same-2-pump", "_full@2-pump")
    ]
