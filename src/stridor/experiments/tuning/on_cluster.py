"""Trials of a study on the nodes of a Ray cluster: a task for each, in a clone of the project."""

import io
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stridor.common.atomic import atomic_folder
from stridor.common.dvc import check_remote, push
from stridor.common.errors import StridorError
from stridor.experiments.tuning.progress import Progress
from stridor.experiments.tuning.storage import storage_shown
from stridor.experiments.tuning.study import StudySpec, counted, enqueue_default
from stridor.experiments.tuning.worker import remove_other_trials
from stridor.experiments.tuning.workers import end_lost_trials
from stridor.pipeline.cluster import Resources, cluster, run_tasks, shared
from stridor.pipeline.fleet import environment_of_nodes
from stridor.pipeline.node_project import NodeProject, node_folder
from stridor.stages.layout import DATA
from stridor.tracking.location import SQLITE

if TYPE_CHECKING:
    import optuna


def check_shared(storage: str) -> None:
    """Refuse a storage that the nodes cannot open.

    Raises
    ------
    StridorError
        If it is not the URL of a database server that OPTUNA_STORAGE names.
    """
    if storage.startswith(SQLITE) or not os.environ.get("OPTUNA_STORAGE", "").strip():
        raise StridorError(
            f"Optuna's storage {storage_shown(storage)} is a file of this host, which the nodes of a cluster cannot "
            "open; set OPTUNA_STORAGE to a database on a server, such as postgresql+psycopg://user:password@host/optuna."
        )


def run_trials(address: str, study: "optuna.Study", spec: StudySpec, trials: int) -> None:
    """Run trials on the nodes of a cluster, show the progress, and fetch the files of those that count.

    Parameters
    ----------
    address : str
        As for `cluster`.

    Raises
    ------
    StridorError
        If nodes cannot be reached or cannot reach what they need, or tasks failed before their trial began.
    """
    params = spec.space.base
    resources = Resources.of(params.compute)
    check_remote()
    environment = environment_of_nodes(params)
    done = counted(study)
    enqueue_default(study, spec.space)
    with cluster(address, resources), Progress(study, done + trials, done) as progress:
        push(f"{DATA}.dvc")
        project = shared(NodeProject.of_this_folder(params, environment))
        click.echo(f"{trials} trials go to the nodes of {address}, each with {resources.cpus} thread(s).")

        def on_end(name: str, ended: tuple[int, bytes]) -> None:
            number, files = ended
            if files:
                _unpack(files, spec.layout(number).base)
                remove_other_trials(study, spec)
            progress.update()

        given = (project, spec.detector, spec.name, spec.parent_run or "")
        try:
            failed = run_tasks(run_trial, {f"{number}": given for number in range(trials)}, resources, on_end)
        finally:
            end_lost_trials(study)
    if failed:
        raise StridorError(f"{len(failed)} trials could not begin: {next(iter(failed.values()))}")


def run_trial(project: NodeProject, detector: str, study: str, parent_run: str) -> tuple[int, bytes]:
    """Run one trial on this node; return its number, and its files if it is the best or has the general values.

    Raises
    ------
    StridorError
        If the project could not be fetched, or its study is another one.
    """
    root = project.fetch(node_folder())
    printed = project.run(root, "stridor.experiments.tuning.node_trial", detector, study, parent_run)
    number, folder = printed.splitlines()[-1].split(maxsplit=1)
    return int(number), _packed(root / folder)


def _packed(folder: Path) -> bytes:
    if not folder.is_dir():
        return b""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(folder, arcname=".")
    return packed.getvalue()


def _unpack(packed: bytes, folder: Path) -> None:
    with atomic_folder(folder) as beside, tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(beside, filter="data")
