"""A project as nodes fetch it, and what they push so that another clone runs nothing."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stridor.common.dvc import check_remote, dvc_environment, dvc_line, push
from stridor.common.errors import StridorError
from stridor.pipeline.node_project import NODE_FOLDER, NodeProject, node_folder
from tiny import tiny_params

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked")]

# Outputs that DVC keeps and some that git keeps, as those of dvc.yaml; because of the text, DVC does not keep the run.
STAGES = """
stages:
  copy:
    foreach: [a, b]
    do:
      cmd:
        - mkdir -p artifacts results
        - cp data/${item} artifacts/${item}
        - wc -c < data/${item} > results/${item}.json
        - cp data/${item} results/${item}.txt
      deps: [data]
      outs:
        - artifacts/${item}
        - results/${item}.txt:
            cache: false
      metrics:
        - results/${item}.json:
            cache: false
"""


def dvc(*arguments: str) -> str:
    done = subprocess.run(dvc_line(*arguments), capture_output=True, text=True, env=dvc_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def head(tmp_path, monkeypatch):
    """A committed project with a remote in a folder, as working directory."""
    root = tmp_path / "head"
    (root / "data").mkdir(parents=True)
    monkeypatch.chdir(root)
    for name in "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "OPTUNA_STORAGE":
        monkeypatch.delenv(name, raising=False)
    subprocess.run(["git", "init", "-q"], check=True)
    dvc("init", "-q")
    with pytest.raises(StridorError, match=r"no DVC remote.*dvc remote add"):
        check_remote()
    dvc("remote", "add", "-q", "-d", "--local", "store", str(tmp_path / "remote"))
    check_remote()
    for name in "ab":
        Path("data", name).write_text(f"clips of {name}")
    Path("dvc.yaml").write_text(STAGES)
    Path(".gitignore").write_text("/tiny.pt\n/artifacts\n")
    Path("tiny.pt").write_bytes(b"weights")
    (root / "src").symlink_to(Path(__file__).resolve().parents[2] / "src")
    dvc("add", "-q", "data")
    for command in (["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *command], check=True)
    return root


def test_a_node_has_what_it_needs_and_the_head_runs_nothing(head, tmp_path, monkeypatch):
    params = tiny_params(encoder={"checkpoint": "tiny.pt"})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    project = NodeProject.of_this_folder(params, {"OMP_NUM_THREADS": "1"})
    assert project.files.keys() == {"dvc.lock", ".dvc/config.local", "tiny.pt"}
    assert project.environment == {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1", "OMP_NUM_THREADS": "1"}
    with pytest.raises(StridorError, match=r"dvc pull data.dvc.*run 'dvc push' where the clips are"):
        project.fetch(tmp_path / "early")
    push("data.dvc")
    node = project.fetch(tmp_path / "node")
    assert (node / "tiny.pt").read_bytes() == b"weights"
    assert (node / "data" / "b").read_text() == "clips of b"
    assert project.fetch(tmp_path / "node") == node
    # The node's cache, not the head's.
    assert list((tmp_path / "node" / "cache").rglob("*"))

    printed = project.run(node, "dvc", "repro", "--single-item", "copy@b")
    assert "Running stage 'copy@b'" in printed
    project.run(node, "stridor.pipeline.run_cache", "copy@b")
    printed = dvc("repro", "--pull", "--single-item", "copy@b")
    assert not re.findall("Running stage", printed)
    assert Path("results/b.json").read_text().strip() == "10"
    assert Path("artifacts/b").read_text() == Path("results/b.txt").read_text() == "clips of b"
    assert Path("dvc.lock").read_bytes() == (node / "dvc.lock").read_bytes()
    with pytest.raises(StridorError, match=r"run_cache copy@a' ended with 2: stridor: .*copy@a"):
        project.run(node, "stridor.pipeline.run_cache", "copy@a")


def test_what_git_has_not_is_refused_but_for_results(head):
    params = tiny_params()
    before = NodeProject.of_this_folder(params, {}, ["copy@b"])
    Path("dvc.lock").write_text("schema: '2.0'\nstages:\n  copy@a: {cmd: cp}\n  copy@b: {cmd: mv}\n")
    after = NodeProject.of_this_folder(params, {}, ["copy@b"])
    # Of the others, DVC would read and write every one after each stage.
    assert YAML(typ="safe").load(after.files["dvc.lock"]) == {"schema": "2.0", "stages": {"copy@b": {"cmd": "mv"}}}
    assert after.name != before.name
    Path("dvc.yaml").write_text(STAGES.replace("wc -c", "wc -l"))
    with pytest.raises(StridorError, match=r"dvc\.yaml differ from the commit; commit them"):
        NodeProject.of_this_folder(params, {})


def test_a_nodes_folder_can_be_chosen(monkeypatch):
    monkeypatch.delenv(NODE_FOLDER, raising=False)
    assert node_folder().name == f"stridor-node-{os.getuid()}"
    monkeypatch.setenv(NODE_FOLDER, "/scratch/stridor")
    assert node_folder() == Path("/scratch/stridor")
