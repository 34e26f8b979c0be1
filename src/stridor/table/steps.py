"""Stages of a cell: `python -m stridor.table.steps train|score <variant> <seed> <detector>`."""

import shutil
import sys

from stridor.cores import settle_threads
from stridor.errors import one_sentence
from stridor.params import Params, read_params
from stridor.stages import augment, evaluate, index
from stridor.stages import train as training
from stridor.table.cells import CellPlaces, cell_params
from stridor.tracking.runs import reopened


def train(places: CellPlaces, params: Params) -> None:
    """Mix and fine-tune; leave manifest, weights and curves, and a run with the tags `variant` and `table_seed`."""

    def named(run_id: str | None) -> None:
        if run_id is not None:
            name = f"{places.detector}, {places.variant}, seed {places.seed}"
            reopened(run_id).set_tag("mlflow.runName", name)

    augment.run(places, params)
    tags = {"variant": places.variant, "table_seed": str(places.seed)}
    training.run(places, params, training.Watch(tags, named))
    # Several times the size of the rest, and made again in seconds.
    shutil.rmtree(places.augmented)


def score(places: CellPlaces, params: Params) -> None:
    """Fill the reference banks and score the test clips."""
    index.run(places, params)
    evaluate.run(places, params)


def main(step: str, variant: str, seed: str, detector: str) -> None:
    """Run one step of one cell."""
    places = CellPlaces(detector, variant=variant, seed=int(seed))
    params = cell_params(read_params(), places)
    settle_threads(params.compute)
    {"train": train, "score": score}[step](places, params)


if __name__ == "__main__":
    with one_sentence():
        main(*sys.argv[1:])
