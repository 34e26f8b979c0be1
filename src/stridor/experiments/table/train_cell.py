"""Training of a cell: `python -m stridor.experiments.table.train_cell <variant> <seed> <detector>`."""

import shutil

from stridor.experiments.table.cells import CellLayout, run_for_cell
from stridor.params import Params
from stridor.stages import augment
from stridor.stages import train as training
from stridor.tracking.runs import reopened


def run(layout: CellLayout, params: Params) -> None:
    """Mix and fine-tune; write manifest, weights and curves, and log a run with the tags `variant` and `table_seed`."""

    def set_run_name(run_id: str | None) -> None:
        if run_id is not None:
            name = f"{layout.detector}, {layout.variant}, seed {layout.seed}"
            reopened(run_id).set_tag("mlflow.runName", name)

    augment.run(layout, params)
    tags = {"variant": layout.variant, "table_seed": str(layout.seed)}
    training.run(layout, params, training.TrainingHooks(tags, set_run_name))
    # Much larger than the other files, and written again in seconds.
    shutil.rmtree(layout.augmented)


if __name__ == "__main__":
    run_for_cell(run)
