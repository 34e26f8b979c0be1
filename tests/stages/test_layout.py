"""Stages as DVC starts them."""

import subprocess
import sys

import pytest

from tiny_project import write_project


def stage(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True)


def test_a_stage_runs_for_the_detector_that_is_named(project):
    write_project(project)
    done = stage("stridor.stages.augment", "pump")
    assert done.returncode == 0, done.stderr
    assert "6 noisy variants" in done.stdout


@pytest.mark.parametrize(
    ("change", "detector", "message"),
    [
        ({}, "no_such", "params.yaml has no detector 'no_such'; its detectors are pump"),
        ({"trainnig": {}}, "pump", "unknown parameter 'trainnig'"),
        ({"augment": {"variants": 0}}, "pump", "augment.variants"),
    ],
)
def test_user_errors_are_one_sentence_and_exit_code_2(project, change, detector, message):
    write_project(project, **change)
    done = stage("stridor.stages.augment", detector)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (project / "artifacts").exists()


def test_help_and_augment_need_no_heavy_library(project):
    write_project(project)
    code = (
        "import sys; sys.argv = ['augment', 'pump']\n"
        "from stridor.stages import augment; from stridor.stages.layout import run_for_detector\n"
        "run_for_detector(augment.run)\n"
        "import stridor.cli\n"
        "heavy = {'torch', 'mlflow', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
