"""A project that is moved, copied, or loses its files: it goes on in its own folder, and touches no other."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlflow_project import in_project, register_champion, write_detector
from stridor.cli.main import main
from stridor.common.errors import StridorError
from stridor.serving.detector import Detector
from stridor.tracking.runs import DataVersion, training_run
from stridor.tracking.store import open_store
from tiny import tiny_params

PARAMS = tiny_params()


def train():
    with training_run("pump", PARAMS, DataVersion("data", "abc")) as log:
        log.log_file(Path("params.yaml"), "figures")
    return log.run_id


def files_in(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def original(tmp_path_factory, empty_database):
    """A project with a run and a registered detector."""
    with in_project(tmp_path_factory.mktemp("original") / "pumps & co" / "100", empty_database) as root:
        encoder, banks = write_detector(root, PARAMS)
        register_champion("pump", encoder, banks, PARAMS, train(), {"hmean": 0.5})
    return root


def relocated():
    done = CliRunner().invoke(main, ["store", "relocate"])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.slow
def test_a_copy_is_refused_until_it_is_relocated_and_never_writes_into_the_original(original, tmp_path):
    before = files_in(original)
    shutil.copytree(original, tmp_path / "copy")
    with in_project(tmp_path / "copy") as copy:
        with pytest.raises(StridorError, match=rf"was made in {original}, .*'stridor store relocate', .*{copy}/mlruns"):
            train()
        checked = CliRunner().invoke(main, ["store", "check"])
        assert checked.exit_code == 2
        assert "run 'stridor store relocate'" in checked.output
        with pytest.raises(StridorError, match="stridor store relocate"):
            register_champion("pump", copy / "encoder.pt", copy / "banks", PARAMS, None, {})
        assert "locations point to" in relocated()
        assert CliRunner().invoke(main, ["store", "check"]).output == f"MLflow store: sqlite:///{copy}/mlflow.db\n"
        run = train()
        assert [path.name for path in copy.rglob(f"{run}/artifacts/figures/*")] == ["params.yaml"]
        assert register_champion("pump", copy / "encoder.pt", copy / "banks", PARAMS, None, {}) == 1
        (copy / "other").mkdir()
        encoder, banks = write_detector(copy / "other", PARAMS, seed=1)
        assert register_champion("pump", encoder, banks, PARAMS, None, {}) == 2
        assert Detector.load("models:/stridor-pump/1").machines == ("pump",)
        assert relocated() == f"The MLflow store sqlite:///{copy}/mlflow.db points to {copy}/mlruns.\n"
        assert str(original).encode() not in (copy / "mlflow.db").read_bytes()
    assert files_in(original) == before


def test_a_moved_project_scores_at_once_from_its_own_folder(original, tmp_path):
    shutil.copytree(original, tmp_path / "gone")
    (tmp_path / "gone").rename(tmp_path / "moved")
    with in_project(tmp_path / "moved") as root:
        before = (root / "mlflow.db").read_bytes()
        (original_model,) = original.rglob("MLmodel")
        hidden = original_model.rename(original_model.with_name("hidden"))
        try:
            assert Detector.load("pump").machines == ("pump",)
        finally:
            hidden.rename(original_model)
        assert (root / "mlflow.db").read_bytes() == before


def test_another_name_of_the_same_folder_is_no_move(original, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(original)
    with in_project(original):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/link/mlflow.db")
        open_store()
        assert "points to" in relocated()


def test_a_detector_whose_files_are_lost_is_registered_again(original, tmp_path):
    shutil.copytree(original, tmp_path / "copy")
    with in_project(tmp_path / "copy") as copy:
        relocated()
        shutil.rmtree(copy / "mlruns")
        with pytest.raises(StridorError, match=r"files of stridor-pump version 1 are gone .*'stridor register pump'"):
            Detector.load("pump")
        assert register_champion("pump", copy / "encoder.pt", copy / "banks", PARAMS, None, {}) == 2
        assert Detector.load("pump").machines == ("pump",)


def test_a_database_that_came_without_its_files_says_so(original, tmp_path):
    (tmp_path / "alone").mkdir()
    shutil.copy(original / "mlflow.db", tmp_path / "alone")
    with in_project(tmp_path / "alone") as alone:
        assert f"files of 1 registered models are not there; copy {original}/mlruns to {alone}/mlruns" in relocated()


def test_files_that_were_put_elsewhere_on_purpose_stay_there(project):
    import sqlite3

    with sqlite3.connect("mlflow.db") as connection:
        connection.execute("UPDATE experiments SET artifact_location = 'file:///srv/artefacts/0'")
    open_store()
    assert "points to" in relocated()
