import subprocess
import sys
import time

import pytest

from full_disk import files_of_at_most
from stridor.common.errors import StridorError
from stridor.tracking.store import create_store, experiment_id, open_store


def test_folder_that_mlflow_misreads(nowhere, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{nowhere}/100%/mlflow.db")
    with pytest.raises(StridorError, match="rename the folder"):
        open_store()


def test_database_below_a_regular_file(nowhere, monkeypatch):
    (nowhere / "file").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{nowhere}/file/mlflow.db")
    with pytest.raises(StridorError, match=r"file/mlflow\.db cannot be used"):
        open_store()


@pytest.mark.parametrize("uri", ["./mlruns", "nonsense://x"])
def test_unusable_address(nowhere, monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(StridorError, match=f"store {uri} cannot be used"):
        open_store()


def test_database_that_is_none(nowhere, monkeypatch):
    (nowhere / "params.yaml").touch()
    (nowhere / "mlflow.db").mkdir()
    with pytest.raises(StridorError, match=r"mlflow\.db cannot be used \(unable to open"):
        open_store()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///params.yaml")
    (nowhere / "params.yaml").write_text("seed: 0\n" * 1000)
    with pytest.raises(StridorError, match=r"params\.yaml cannot be used \(file is not a database"):
        open_store()


def test_artefacts_without_a_folder(project):
    (project / "mlruns").touch()
    with pytest.raises(StridorError, match=r"cannot be used \(File exists: .*mlruns"):
        open_store()


def test_dead_server_is_given_up_within_seconds(nowhere, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    started = time.monotonic()
    with pytest.raises(StridorError, match=r"1:9 cannot be used \(the server does not answer"):
        open_store()
    assert time.monotonic() - started < 10


@pytest.mark.slow
def test_two_processes_create_it_at_once(nowhere, forked_python, monkeypatch):
    forked_python.replace(monkeypatch)
    (nowhere / "params.yaml").touch()
    code = "from stridor.tracking.store import *; s = open_store(); print(experiment_id(s, 'stridor'))"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", code], **pipes) for _ in range(2)]
    answers = [process.communicate(timeout=600) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert not list(nowhere.glob(".*unfinished*"))


def test_creating_it_again_changes_nothing(project):
    before = (project / "mlflow.db").read_bytes()
    started = time.monotonic()
    create_store()
    assert time.monotonic() - started < 0.5
    assert (project / "mlflow.db").read_bytes() == before


def test_experiment_is_created_once_and_in_its_place(project):
    from mlflow import MlflowClient

    store = open_store()
    one = experiment_id(store, "a/b")
    assert experiment_id(store, "a/b") == one
    experiment = MlflowClient().get_experiment(one)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert experiment.artifact_location.startswith((project / "mlruns").as_uri())


def test_a_full_disk_is_one_sentence_and_no_traceback(project, capfd):
    store = open_store()
    with files_of_at_most(2**12), pytest.raises(StridorError, match=r"mlflow\.db cannot be used \(.*(full|I/O error)"):
        experiment_id(store, "new")
    assert "Traceback" not in capfd.readouterr().err
    assert experiment_id(store, "new")


def test_deleted_experiment(project):
    from mlflow import MlflowClient

    store = open_store()
    MlflowClient().delete_experiment(experiment_id(store, "stridor"))
    with pytest.raises(StridorError, match="mlflow experiments restore"):
        experiment_id(store, "stridor")


def test_importing_the_room_is_light():
    code = (
        "import sys, stridor.tracking.runs, stridor.tracking.registry\n"
        "print({'mlflow', 'torch', 'sklearn'} & sys.modules.keys())"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
