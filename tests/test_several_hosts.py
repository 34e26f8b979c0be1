"""Two clones that share studies, runs and models on PostgreSQL, and clips on object storage."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import services
from stridor.common.dvc import dvc_environment
from tiny_project import write_project
from tiny_study import TUNE
from waiting_trial import check_taken_once

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
SMALL = {
    "baselines": ["autoencoder_mse", "frozen"], "compute": {"threads": 1, "accelerator": "cpu"},
    "autoencoder": {"epochs": 1, "batch_size": 32}, "tune": TUNE,
}  # fmt: skip
USER = ("-c", "user.name=Jo", "-c", "user.email=jo@example.com")


@pytest.fixture(scope="module")
def postgresql():
    services.need("psycopg", commands=("initdb", "postgres"))
    with services.postgresql("mlflow", "optuna") as url:
        yield url


@pytest.fixture
def shared(tmp_path, postgresql, monkeypatch):
    """The three services, named by the environment; the address of the object storage."""
    services.need("moto", "dvc_s3")
    for name, value in services.KEYS.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "server"
    folder.mkdir()
    with (
        services.object_storage(folder, "plant") as s3,
        services.mlflow_server(folder, f"{postgresql}mlflow") as server,
    ):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        monkeypatch.setenv("OPTUNA_STORAGE", f"{postgresql}optuna")
        yield s3


def run(root: Path, *command: str) -> str:
    """Run a command in a clone; return what it printed."""
    done = subprocess.run(command, cwd=root, env=dvc_environment(), capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def stridor(root: Path, *arguments: str) -> str:
    return run(root, sys.executable, "-m", "stridor", *arguments)


def dvc(root: Path, *arguments: str) -> str:
    return run(root, sys.executable, "-m", "dvc", *arguments)


def git(root: Path, *arguments: str) -> str:
    return run(root, "git", *USER, *arguments)


def write_origin(root: Path, s3: str) -> None:
    """Write a project in a git repository whose clips are in the object storage."""
    root.mkdir()
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, root)
    # The stages depend on the code; a copy could differ from what the interpreter imports.
    (root / "src").symlink_to(ROOT / "src")
    git(root, "init", "-q", "-b", "main")
    dvc(root, "init", "-q")
    dvc(root, "remote", "add", "-q", "-d", "store", "s3://plant/stridor")
    dvc(root, "remote", "modify", "store", "endpointurl", s3)
    write_project(root, tests=4, **SMALL)
    (root / "data.dvc").unlink()
    dvc(root, "add", "-q", "data")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Our machines")
    dvc(root, "push", "-q")


def champion(root: Path) -> int:
    versions = [json.loads(line) for line in stridor(root, "models", "pump", "--json").splitlines()]
    [served] = [one["number"] for one in versions if "champion" in one["aliases"]]
    return served


def score(root: Path, clip: str) -> float:
    return json.loads(stridor(root, "score", clip, "--detector", "pump", "--json"))["score"]


def test_two_clones_work_at_the_same_time(tmp_path, shared, forked_python, monkeypatch):
    forked_python.replace(monkeypatch)
    origin, here, there = (tmp_path / name for name in ("origin", "here", "there"))
    write_origin(origin, shared)
    for clone in (here, there):
        git(tmp_path, "clone", "-q", str(origin), str(clone))
        dvc(clone, "pull", "-q", "data.dvc")
    clip = "data/pump/test/section_00_source_test_normal_0000_noAttribute.wav"

    # Trained here, it is scored there, without one of its files.
    dvc(here, "repro", "-q")
    scored = score(there, clip)
    assert not (there / "artifacts").exists()
    assert champion(there) == 1

    # There a study goes on while the detector is trained again here.
    with ThreadPoolExecutor(2) as both:
        values = (here / "params.yaml").read_text()
        (here / "params.yaml").write_text(values.replace("learning_rate: 0.002", "learning_rate: 0.004"))
        training = both.submit(dvc, here, "repro", "-q")
        study = both.submit(stridor, there, "tune", "--machine", "pump", "--trials", "2")
        training.result()
        assert "0 of 2 trials done" in study.result()
    assert "postgresql" in (ended := stridor(there, "tune", "--machine", "pump", "--trials", "2"))
    assert "2 of 2 trials done" in ended

    # Promoted there, turned back here.
    if champion(there) == 2:
        stridor(there, "rollback", "pump")
    stridor(there, "promote", "pump", "2", "--why", "tried in the other clone", "--force")
    assert champion(here) == 2
    assert score(here, clip) != scored
    stridor(here, "rollback", "pump", "--why", "as before")
    assert champion(there) == 1
    assert score(there, clip) == scored

    # What was made here needs nothing to be run there.
    git(here, "add", "-A")
    git(here, "commit", "-q", "-m", "Trained")
    dvc(here, "push", "-q")
    git(there, "pull", "-q", str(here), "main")
    dvc(there, "pull", "-q")
    assert "up to date" in dvc(there, "status")


def test_a_waiting_trial_is_taken_once(postgresql, monkeypatch):
    check_taken_once(f"{postgresql}optuna", monkeypatch)
