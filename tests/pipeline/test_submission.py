"""Submissions: the files of the evaluate stage, and those of a machine that nothing can be measured on."""

import csv
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from stridor.cli.main import main
from stridor.common.errors import StridorError
from stridor.params import read_params
from stridor.pipeline.submission import submit
from stridor.stages import augment, autoencoder, evaluate, index, train
from stridor.stages.layout import Layout
from stridor.stages.systems import systems_of
from tiny_project import params_of, write_params, write_project

PLACES = Layout("pump")


def run(*stages):
    for stage in stages:
        stage.run(PLACES, params_of())


def hide_labels(machine: Path) -> list[str]:
    """Rename test clips as the evaluation set does, and return their names."""
    clips = sorted((machine / "test").glob("*.wav"))
    names = [f"section_00_{i:04}.wav" for i in range(len(clips))]
    for clip, name in zip(clips, names, strict=True):
        clip.rename(clip.with_name(name))
    return names


@pytest.fixture
def indexed(evaluated):
    """A project whose next stage is `evaluate`."""
    shutil.rmtree("results")
    return evaluated


@pytest.mark.slow
def test_labelled_clips_get_the_files_of_the_evaluate_stage(evaluated):
    folders = submit(read_params(), "team_1")
    assert [folder.name for folder in folders] == [f"team_1_{system}" for system in systems_of(read_params())]
    for folder, system in zip(folders, systems_of(read_params()), strict=True):
        written = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert written == {path.name: path.read_bytes() for path in (PLACES.scores / system).iterdir()}


@pytest.mark.slow
@pytest.mark.usefixtures("blank_pictures")
def test_clips_with_hidden_labels_give_complete_folders_for_the_evaluator(project):
    write_project(project)
    names = hide_labels(project / "data/pump")
    run(augment, train, autoencoder, index)
    with pytest.raises(StridorError, match="does not contain domain and label"):
        run(evaluate)
    folder = project / "submission/stridor_fine_tuned"
    folder.mkdir(parents=True)
    (folder / "old.csv").touch()
    ran = CliRunner().invoke(main, ["submission"])
    assert ran.exit_code == 0, ran.output
    assert "submission/stridor_fine_tuned: 2 files" in ran.output
    assert not (folder / "old.csv").exists()
    read = {path.name: list(csv.reader(path.read_text().splitlines())) for path in folder.iterdir()}
    assert read.keys() == {"anomaly_score_pump_section_00_test.csv", "decision_result_pump_section_00_test.csv"}
    for rows in read.values():
        assert [name for name, _ in rows] == names
    assert {value for _, value in read["decision_result_pump_section_00_test.csv"]} <= {"0", "1"}
    scores = [float(value) for _, value in read["anomaly_score_pump_section_00_test.csv"]]
    assert len(set(scores)) == len(names)


@pytest.mark.slow
def test_a_missing_machine_leaves_no_folder(indexed):
    shutil.rmtree(PLACES.banks / "log_mel")
    with pytest.raises(StridorError, match=r"bank/log_mel/pump.* is missing; run the index stage"):
        submit(read_params(), "x")
    assert not list(Path("submission").glob("x_log_mel"))
    write_params(indexed, detectors={"pump": {"machines": ["pump"]}, "press": {"machines": ["press"]}})
    with pytest.raises(StridorError, match=r"artifacts/press/manifest.csv"):
        submit(read_params(), "y")
    with pytest.raises(StridorError, match="no detector 'fan'"):
        submit(read_params(), "y", ["fan"])
    assert not list(Path("submission").glob("y*"))


def test_a_machine_without_test_clips_is_named(project):
    write_project(project, tests=0)
    run(augment)
    with pytest.raises(StridorError, match="'pump' has no test clips, and a submission contains all machines"):
        submit(read_params(), "x")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "two words"])
def test_names_that_make_no_folder_are_refused(name):
    from stridor.params import Params

    with pytest.raises(StridorError, match="is not a valid name of a submission"):
        submit(Params(detectors={"fan": {"machines": ["fan"]}}), name)
