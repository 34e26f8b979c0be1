"""Trials on the nodes of a Ray cluster: what is refused, what travels back."""

import subprocess
import sys

import pytest

from fleet_project import write_fleet_project
from mlflow_project import in_project
from services import mlflow_server, need, postgresql
from stridor.common.dvc import data_md5
from stridor.common.errors import StridorError
from stridor.experiments.tuning.node_trial import run
from stridor.experiments.tuning.on_cluster import _packed, _unpack, check_shared
from stridor.experiments.tuning.study import StudySpec, counted, open_study
from stridor.pipeline.node_project import NODE_FOLDER
from stridor.stages.layout import DATA
from tiny_study import TUNE, spec_of, write_study


def test_a_file_of_this_host_is_refused(monkeypatch):
    monkeypatch.setenv("OPTUNA_STORAGE", "sqlite:////srv/optuna.db")
    with pytest.raises(StridorError, match=r"optuna\.db is a file of this host.*postgresql\+psycopg"):
        check_shared("sqlite:////srv/optuna.db")
    monkeypatch.setenv("OPTUNA_STORAGE", "postgresql+psycopg://jo:secret@host/optuna")
    check_shared("postgresql+psycopg://jo:secret@host/optuna")


def test_the_files_of_a_trial_travel_whole(tmp_path):
    trial = tmp_path / "trial_0003"
    (trial / "encoder").mkdir(parents=True)
    (trial / "encoder" / "encoder.pt").write_bytes(b"weights")
    _unpack(_packed(trial), tmp_path / "here" / "trial_0003")
    assert (tmp_path / "here/trial_0003/encoder/encoder.pt").read_bytes() == b"weights"
    assert _packed(tmp_path / "removed") == b""


@pytest.mark.slow
@pytest.mark.usefixtures("blank_pictures")
def test_a_node_runs_one_trial_of_the_study_and_of_no_other(project, monkeypatch, capsys):
    write_study(project)
    monkeypatch.setenv("OPTUNA_STORAGE", f"sqlite:///{project}/optuna.db")
    spec = spec_of(f"sqlite:///{project}/optuna.db")
    with pytest.raises(StridorError, match=r"The study here is pump-\w+ and not pump-1234"):
        run("pump", "pump-1234", "")
    spec = StudySpec("pump", spec.space, data_md5(DATA), spec.storage)
    run("pump", spec.name, "")
    assert capsys.readouterr().out.splitlines()[-1] == f"0 {spec.layout(0).base}"
    assert counted(open_study(spec)) == 1
    assert (spec.layout(0).encoder).is_file()


@pytest.mark.slow
def test_nodes_run_the_trials_and_the_head_compares_their_best(tmp_path, monkeypatch):
    need("ray", "psycopg", commands=("initdb", "postgres"))
    from ray.cluster_utils import Cluster

    head, node, served = (tmp_path / name for name in ("head", "node", "served"))
    served.mkdir()
    with in_project(head), postgresql("optuna") as database, mlflow_server(served) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        monkeypatch.setenv("OPTUNA_STORAGE", f"{database}optuna")
        write_fleet_project(tmp_path / "remote", tests=4, tune=TUNE, compute={"threads": 1, "accelerator": "cpu"})
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        try:
            cluster.add_node(num_cpus=1, env_vars={NODE_FOLDER: str(node)}, wait=False)
            cluster.wait_for_nodes(timeout=600)
            command = [sys.executable, "-m", "stridor", "tune", "--machine", "pump", "--trials", "2"]
            done = subprocess.run([*command, "--ray", cluster.address], capture_output=True, text=True)
        finally:
            cluster.shutdown()
        assert done.returncode == 0, done.stdout + done.stderr
        assert "2 trials go to the nodes" in done.stdout
        assert "Best: trial" in done.stdout
        # Those that are compared lie here, and were made there.
        trials = head.glob("artifacts/.tune/*/trial_*")
        here = {trial.name for trial in trials if next(trial.rglob("encoder.pt"), None)}
        assert "trial_0000" in here
        assert "2 of 2 trials done" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
