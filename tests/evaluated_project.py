"""A project of one tiny machine that has gone through the stages up to `evaluate`; a test takes a copy of it."""

import shutil
from pathlib import Path

from mlflow_project import in_project
from stridor.stages import augment, autoencoder, evaluate, index, train
from stridor.stages.layout import Layout
from stridor.tracking.location import find_store
from stridor.tracking.relocation import relocate
from tiny_project import params_of, write_project

PLACES = Layout("pump")
STAGES = (augment, train, autoencoder, index, evaluate)


def make_evaluated(folder: Path, database: Path) -> None:
    """Write the project into a folder and run its stages."""
    with in_project(folder, database):
        write_project(folder)
        for stage in STAGES:
            stage.run(PLACES, params_of())


def copy_evaluated(original: Path, root: Path) -> None:
    """Copy the project into the working directory, whose MLflow store then has its files there."""
    shutil.copytree(original, root, dirs_exist_ok=True)
    relocate(find_store())
