import os

import pytest

from stridor.common.errors import StridorError
from stridor.tracking.location import find_store


@pytest.mark.parametrize("mark", ["params.yaml", "dvc.yaml"])
def test_lies_in_the_nearest_project_above(nowhere, monkeypatch, mark):
    (nowhere / mark).touch()
    (nowhere / "src" / "deep").mkdir(parents=True)
    monkeypatch.chdir(nowhere / "src" / "deep")
    store = find_store()
    assert store.uri == f"sqlite:///{nowhere}/mlflow.db"
    assert store.artifacts == nowhere / "mlruns"


@pytest.mark.parametrize(
    ("name", "reason"), [(b"p\xe9", r"p\\xe9 is not UTF-8"), (b"100%", "'%' and '.' mean something")]
)
def test_a_folder_that_mlflow_cannot_name_is_refused(nowhere, monkeypatch, name, reason):
    folder = nowhere / os.fsdecode(name)
    folder.mkdir()
    (folder / "params.yaml").touch()
    monkeypatch.chdir(folder)
    with pytest.raises(StridorError, match=reason) as refused:
        find_store()
    str(refused.value).encode()
    assert [path.name for path in folder.iterdir()] == ["params.yaml"]


def test_dvc_root_names_the_main_checkout_of_a_temporary_copy(nowhere, monkeypatch):
    copy = nowhere / ".dvc" / "tmp" / "exps" / "copy"
    copy.mkdir(parents=True)
    (copy / "params.yaml").touch()
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(nowhere))
    assert find_store().database == nowhere / "mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    assert find_store().database == nowhere / "other.db"


def test_dvc_root_of_another_project_does_not_count(nowhere, monkeypatch):
    (nowhere / "here").mkdir()
    (nowhere / "here" / "params.yaml").touch()
    monkeypatch.chdir(nowhere / "here")
    for other in (nowhere / "elsewhere", nowhere):
        monkeypatch.setenv("DVC_ROOT", str(other))
        assert find_store().database == nowhere / "here" / "mlflow.db"


def test_variable_decides(nowhere, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking:5000")
    store = find_store()
    assert (store.uri, store.artifacts, store.database) == ("http://tracking:5000", None, None)


def test_password_is_not_shown(nowhere, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@host/stridor")
    store = find_store()
    assert "secret" in store.uri
    assert store.shown == "postgresql://me:***@host/stridor"
    assert "secret" not in str(store.failure(ValueError(f"cannot connect to {store.uri}")))


def test_outside_a_project(nowhere):
    with pytest.raises(StridorError, match=r"is not inside a project .* MLFLOW_TRACKING_URI"):
        find_store()
