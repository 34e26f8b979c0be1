"""`stridor repro --ray`: detectors on the nodes of a Ray cluster, which share no disk, then all remaining stages."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stridor.common.compute import THREADS
from stridor.common.dvc import check_remote, push
from stridor.common.errors import StridorError
from stridor.common.reproducible import variables
from stridor.params import Params
from stridor.pipeline.cluster import Resources, cluster, run_tasks, shared
from stridor.pipeline.dvc_stages import reproduce
from stridor.pipeline.node_project import NodeProject, node_folder
from stridor.pipeline.repro import detector_stages
from stridor.stages.layout import DATA
from stridor.tracking.location import find_store


@dataclass(frozen=True)
class Ended:
    """A task that has ended: on which host, and how long it took."""

    host: str
    seconds: float


def run_on_cluster(address: str, params: Params, stale: set[str], print_line: Callable[[str], object] = print) -> None:
    """Bring the pipeline up to date: the stages of each detector on a node, all others here.

    What the nodes make reaches this project through the DVC remote and its run cache.

    Parameters
    ----------
    address : str
        As for `cluster`.
    params : Params
        All of params.yaml.
    stale : set of str
        Stages that are not up to date.
    print_line : callable
        Prints a line.

    Raises
    ------
    StridorError
        If nodes cannot be reached or cannot reach what they need, or a detector failed; those that ended are kept.
    """
    if not stale:
        print_line("Everything is up to date.")
        return
    resources = Resources.of(params.compute)
    check_remote()
    environment = environment_of_nodes(params)
    groups = {group[0].partition("@")[2]: group for group in detector_stages(params) if not stale.isdisjoint(group)}
    finished: list[str] = []

    def on_end(detector: str, ended: Ended) -> None:
        finished.extend(groups[detector])
        print_line(f"{detector}: {ended.seconds:.0f} s on {ended.host}")

    with cluster(address, resources):
        current = {name: [stage for stage in group if stage not in stale] for name, group in groups.items()}
        push(f"{DATA}.dvc", *(stage for stages in current.values() for stage in stages))
        every = [stage for group in groups.values() for stage in group]
        project = shared(NodeProject.of_this_folder(params, environment, every))
        arguments = {name: (project, group, current[name]) for name, group in groups.items()}
        print_line(f"detectors: {len(params.detectors)}, {len(groups)} of them go to the nodes of {address}")
        try:
            failed = run_tasks(run_detector, arguments, resources, on_end)
        finally:
            # Also after Ctrl-C: what has ended is not to be done again.
            if finished and len(finished) < len(every):
                reproduce(*finished, alone=True, pull=True)
    if failed:
        reasons = "; ".join(f"{name}: {reason.rstrip('.')}" for name, reason in failed.items())
        raise StridorError(
            f"{len(failed)} of {len(groups)} detectors failed ({reasons}); fix the cause and run the same command "
            "again, finished detectors are kept."
        )
    reproduce(pull=True)


def environment_of_nodes(params: Params) -> dict[str, str]:
    """Return the variables that the commands of all nodes need.

    Raises
    ------
    StridorError
        If runs and models would be kept on the nodes.
    """
    store = find_store()
    if not store.uri.startswith("http"):
        raise StridorError(
            f"The MLflow store {store.shown} is not a server, so that runs and models of the nodes would be lost with "
            "them; start 'mlflow server' and set MLFLOW_TRACKING_URI to its address."
        )
    settled = variables() if params.compute.reproducible else {}
    return {**settled, THREADS: str(params.compute.threads)}


def run_detector(project: NodeProject, stages: Sequence[str], current: Sequence[str]) -> Ended:
    """Run the stages of one detector on this node, and push what they made.

    Parameters
    ----------
    current : sequence of str
        Those that are up to date; their outputs are pulled.

    Raises
    ------
    StridorError
        If the project could not be fetched, or a stage failed.
    """
    started = time.monotonic()
    root = project.fetch(node_folder())
    if current:
        project.run(root, "dvc", "--wait-for-lock", "pull", *current)
    # Single stages, as in `run_stale`: several tasks of a node share its clone.
    project.run(root, "dvc", "--wait-for-lock", "repro", "--single-item", *stages)
    project.run(root, "stridor.pipeline.run_cache", *stages)
    return Ended(platform.node(), time.monotonic() - started)
