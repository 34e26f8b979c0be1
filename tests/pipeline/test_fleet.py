"""Detectors on the nodes of a Ray cluster: what is refused at once, and two nodes, one of which is killed."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleet_project import dvc, write_fleet_project
from mlflow_project import in_project
from services import mlflow_server, need
from stridor.common.errors import StridorError
from stridor.params import read_params
from stridor.pipeline import fleet
from stridor.pipeline.node_project import NODE_FOLDER
from tiny import write_pump
from tiny_project import write_params

DETECTORS = {name: {"machines": [name]} for name in ("pump", "press")}
SMALL = {
    "detectors": DETECTORS, "baselines": ["autoencoder_mse", "frozen"], "compute": {"threads": 1, "accelerator": "cpu"},
    "autoencoder": {"epochs": 1, "batch_size": 32},
}  # fmt: skip
TIMEOUT_S = 3600


def ran(printed: str) -> set[str]:
    return set(re.findall(r"Running stage '(.+?)'", printed))


def written() -> dict[str, bytes]:
    """Return what a run leaves in git, and the weights."""
    weights = Path("artifacts").glob("[!.]*/encoder/*.pt")
    files = [Path("dvc.lock"), *Path("reports").rglob("*"), *Path("results").rglob("*"), *weights]
    return {path.as_posix(): path.read_bytes() for path in sorted(files) if path.is_file()}


def test_nothing_is_asked_of_the_cluster_where_all_is_up_to_date():
    said = []
    fleet.run_on_cluster("nowhere:1", None, set(), said.append)
    assert said == ["Everything is up to date."]


def test_runs_would_be_lost_in_a_store_of_the_nodes_own(project):
    write_params(project, **SMALL)
    with pytest.raises(StridorError, match=r"mlflow\.db is not a server.*MLFLOW_TRACKING_URI"):
        fleet.environment_of_nodes(read_params())


@pytest.mark.slow
def test_two_nodes_one_of_them_killed_give_what_one_machine_gives(tmp_path, empty_database, forked_python, monkeypatch):
    need("ray")
    from ray.cluster_utils import Cluster

    head, alone, remote = (tmp_path / name for name in ("head", "alone", "remote"))
    with in_project(head):
        write_pump(head, "clean", "press", seed=1)
        write_fleet_project(remote, **SMALL)
    shutil.copytree(head, alone, symlinks=True)
    with in_project(alone, empty_database), pytest.MonkeyPatch.context() as patch:
        forked_python.replace(patch)
        dvc("repro")
        expected = written()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        with in_project(head), mlflow_server(tmp_path) as server:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
            nodes = {}
            for name in ("one", "two"):
                folder = {NODE_FOLDER: str(tmp_path / name)}
                nodes[name] = cluster.add_node(num_cpus=1, env_vars=folder, wait=False)
            cluster.wait_for_nodes(timeout=TIMEOUT_S)
            command = [sys.executable, "-m", "stridor", "repro", "--ray", cluster.address]
            with (tmp_path / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
                lost = detector_at_work(process, tmp_path / "two")
                cluster.remove_node(nodes["two"], allow_graceful=False)
            printed = (tmp_path / "log").read_text()
            assert process.returncode == 0, printed
            # Both ended on the node that was left; here only the table over all was made.
            assert set(re.findall(r"^(\w+): \d+ s on ", printed, re.MULTILINE)) == set(DETECTORS)
            assert lost in {path.name for path in tmp_path.glob("one/*/artifacts/*")}
            assert ran(printed) == {"summary"}
            assert written() == expected
            assert ran(dvc("repro")) == set()
            assert fleet_versions() == {"stridor-pump", "stridor-press"}
    finally:
        cluster.shutdown()


def detector_at_work(process: subprocess.Popen, node: Path) -> str:
    """Wait until a detector has its manifest on a node; return which one."""
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        assert process.poll() is None
        if found := next(node.glob("*/artifacts/*/manifest.csv"), None):
            return found.parent.name
        time.sleep(0.1)
    raise AssertionError(f"no detector runs in {node}")


def fleet_versions() -> set[str]:
    from mlflow import MlflowClient

    return {model.name for model in MlflowClient(os.environ["MLFLOW_TRACKING_URI"]).search_registered_models()}
