"""`stridor distill`: checkpoint and run out, or one sentence."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from mlflow import MlflowClient

from stridor.cli.main import main
from stridor.distillation import run_distillation as wiring
from stridor.distillation.run_distillation import EXPERIMENT
from stridor.models.beats import random_beats
from stridor.models.checkpoint import load_encoder, save_encoder
from stridor.models.config import PRESETS
from stridor.models.log_mel import LogMelPatches
from tiny_distillation import STUDENT, tiny_teacher, write_sounds


@pytest.fixture
def teacher(project, monkeypatch) -> Path:
    monkeypatch.setitem(PRESETS, "mini", STUDENT)
    save_encoder(tiny_teacher(tags=3), project / "teacher.pt")
    write_sounds(project / "sounds", 4)
    return project / "teacher.pt"


def distill(*arguments: str):
    common = ["--steps", "4", "--batch-size", "2", "--seconds", "0.5", "--warm-up-steps", "1"]
    return CliRunner().invoke(main, ["distill", *common, *arguments])


def the_runs():
    client = MlflowClient()
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return client.search_runs([experiment.experiment_id])


def test_a_student_is_written_and_a_run_logged(teacher):
    done = distill("--teacher", "teacher.pt", "--audio", "sounds", "--out", "students/small.pt")
    assert done.exit_code == 0, done.output
    assert "step     4/4: loss" in done.output
    stored = torch.load("students/small.pt", weights_only=True)
    assert {tensor.dtype for tensor in stored["model"].values()} == {torch.float16}
    student = load_encoder(Path("students/small.pt"))
    assert student.config == STUDENT
    parameters = sum(tensor.numel() for tensor in stored["model"].values())
    assert Path("students/small.pt").stat().st_size < 2 * parameters + 40_000
    assert [path.name for path in Path("students").iterdir()] == ["small.pt"]
    (run,) = the_runs()
    assert run.info.status == "FINISHED"
    assert run.data.params["teacher"] == "teacher.pt"
    assert {"loss/pooled", "learning_rate", "gradient_norm", "clips_per_second"} <= run.data.metrics.keys()
    assert [data.dataset.name for data in run.inputs.dataset_inputs] == ["sounds"]


def test_a_teacher_of_another_family_is_refused(teacher):
    save_encoder(LogMelPatches(), Path("spectrum.pt"))
    done = distill("--teacher", "spectrum.pt", "--audio", "sounds", "--out", "small.pt")
    assert done.exit_code == 2
    assert "spectrum.pt is an encoder of the family 'log_mel'; give the path of a BEATs checkpoint" in done.output


def test_a_student_learns_on_from_an_earlier_one(teacher):
    save_encoder(random_beats(STUDENT, 5), Path("earlier.pt"))
    lesson = ("--teacher", "teacher.pt", "--audio", "sounds", "--out", "small.pt", "--learning-rate", "1e-9")
    done = distill(*lesson, "--start", "earlier.pt")
    assert done.exit_code == 0, done.output
    (run,) = the_runs()
    assert run.data.params["start"] == "earlier.pt"
    # At such a rate it has to be where it started, but for the half precision.
    for tensor, earlier in zip(
        load_encoder(Path("small.pt")).parameters(), random_beats(STUDENT, 5).parameters(), strict=True
    ):
        torch.testing.assert_close(tensor, earlier, rtol=2e-3, atol=1e-4)


def test_a_killed_distillation_continues_its_run(teacher, monkeypatch):
    def killed(*arguments, **named):
        distil(*arguments, **named)
        raise KeyboardInterrupt

    distil = wiring.distil
    monkeypatch.setattr(wiring, "distil", killed)
    assert distill("--teacher", "teacher.pt", "--audio", "sounds", "--out", "small.pt").exit_code != 0
    assert not Path("small.pt").exists()
    load_encoder(Path(".small.unfinished-distill/student.pt"))
    monkeypatch.setattr(wiring, "distil", distil)
    done = distill("--teacher", "teacher.pt", "--audio", "sounds", "--out", "small.pt")
    assert done.exit_code == 0, done.output
    assert Path("small.pt").exists()
    (run,) = the_runs()
    assert run.info.status == "FINISHED"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"--teacher": "nowhere.pt"}, "The teacher nowhere.pt is missing"),
        ({"--start": "nowhere.pt"}, "nowhere.pt is missing"),
        ({"--start": "teacher.pt"}, "teacher.pt is not a BEATs encoder of the student's size"),
        ({"--audio": "empty"}, "empty contains no audio file"),
        ({"--audio": "nowhere"}, "nowhere is not a folder"),
        ({"--out": "empty"}, "empty is a folder"),
        ({"--out": "teacher.pt"}, "teacher.pt is the teacher"),
        ({"--out": "teacher.pt/small.pt"}, "teacher.pt"),
        ({"--learning-rate": "-1"}, "--learning-rate is -1.0: input should be greater than 0"),
        ({"--precision": "8"}, "--precision is '8'"),
    ],
)
def test_invalid_arguments_are_an_error(teacher, arguments, message):
    Path("empty").mkdir()
    given = {"--teacher": "teacher.pt", "--audio": "sounds", "--out": "small.pt"} | arguments
    done = distill(*(part for pair in given.items() for part in pair))
    assert done.exit_code == 2
    assert message in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not Path("small.pt").exists()
