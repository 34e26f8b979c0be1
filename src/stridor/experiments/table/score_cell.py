"""Scoring of a cell: `python -m stridor.experiments.table.score_cell <variant> <seed> <detector>`."""

from stridor.experiments.table.cells import CellLayout, run_for_cell
from stridor.params import Params
from stridor.stages import evaluate, index
from stridor.stages.systems import judged_by_training


def run(layout: CellLayout, params: Params) -> None:
    """Fit the reference banks and score the test clips; of joined views, where the fine-tuned encoder is one."""
    params = judged_by_training(params)
    index.run(layout, params)
    evaluate.run(layout, params)


if __name__ == "__main__":
    run_for_cell(run)
