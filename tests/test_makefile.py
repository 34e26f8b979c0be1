"""The Makefile: what it takes from command line and shell, and which Pythons and environments it accepts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def folder(tmp_path):
    """A project whose environment is there already, and in which commands print what they are called with."""
    root = tmp_path / "a project"
    scripts = root / ".venv" / "bin"
    scripts.mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", root)
    for name in ("requirements.lock", "pyproject.toml"):
        (root / name).touch()
    for name in ("stridor", "dvc", "mlflow"):
        script = scripts / name
        # The first line of a script in an environment names the environment.
        script.write_text(f"#!/bin/sh\n# {scripts}/python\nprintf '[%s]' {name} \"$@\"; echo\n")
        script.chmod(0o755)
    (root / ".venv" / ".ready").touch()
    return root


def make(folder, *arguments, **environment):
    bare = {name: os.environ[name] for name in ("PATH", "HOME")}
    return subprocess.run(
        ["make", "--silent", "--no-print-directory", *arguments],
        cwd=folder, env=bare | environment, capture_output=True, text=True,
    )  # fmt: skip


def called(folder, *arguments, **environment):
    done = make(folder, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


SHELL = dict.fromkeys(
    ("DATASET", "DETECTORS", "FORCE", "FROM", "GROUND_TRUTH", "JOBS", "MACHINE", "MACHINES", "NAME", "PORT", "SEEDS",
     "SETS", "TRIALS"), "laptop",
)  # fmt: skip


def test_variables_of_the_shell_change_nothing(folder):
    assert called(folder, "checkpoint", **SHELL) == ["[stridor][checkpoint][fetch]"]
    assert called(folder, "data", **SHELL) == ["[stridor][data][ready]"]
    assert called(folder, "repro", **SHELL) == ["[stridor][data][ready]", "[stridor][repro]"]
    assert called(folder, "table", **SHELL)[1:] == ["[stridor][table]"]
    assert called(folder, "sweep", **SHELL)[1:] == ["[dvc][repro][experiments/sweep/dvc.yaml]"]
    assert called(folder, "submission", **SHELL)[-1] == "[stridor][submission]"
    assert called(folder, "tune", "MACHINE=fan", **SHELL)[1:] == ["[stridor][tune][--machine][fan]"]
    served = called(folder, "serve", "MACHINE=fan", **SHELL)
    assert served == ["[mlflow][models][serve][-m][models:/stridor-fan@champion][--env-manager][local][-p][8080]"]
    for target in ("profile", "serve", "tune", "tune-apply"):
        done = make(folder, target, **SHELL)
        assert done.returncode == 2
        assert f"make {target} " in done.stderr


def test_pages_of_a_store_that_points_elsewhere_are_not_served(folder):
    scripts = folder / ".venv" / "bin"
    mlflow = scripts / "mlflow"
    mlflow.write_text("#!/bin/sh\nprintf '[%s]' mlflow \"$@\"; echo\n")
    mlflow.chmod(0o755)
    lines = called(folder, "ui")
    assert lines[0] == "[stridor][store][check]"
    assert lines[-1] == "[mlflow][ui][--workers][1]"
    # As where a project was moved or copied.
    (scripts / "stridor").write_text(f"#!/bin/sh\n# {scripts}/python\nexit 2\n")
    done = make(folder, "ui")
    assert done.returncode != 0
    assert "mlflow" not in done.stdout


def test_variables_of_the_command_line_reach_the_command_whole(folder):
    odd = 'it\'s a "b" & c; (d) #1'
    assert called(folder, "checkpoint", f"NAME={odd}", f"FROM=/x/{odd}.pt") == [
        f"[stridor][checkpoint][fetch][{odd}][--from][/x/{odd}.pt]"
    ]
    assert called(
        folder, "data", "DATASET=dcase2023", "SETS=dev eval", "MACHINES=fan,valve", "GROUND_TRUTH=~/truth"
    ) == ["[stridor][data][dcase][--year][2023][--set][dev eval][--machines][fan,valve][--ground-truth][~/truth]"]
    assert called(folder, "tune", "MACHINE=fan", "TRIALS=3", "JOBS=2")[1:] == [
        "[stridor][tune][--machine][fan][--trials][3][--jobs][2]"
    ]
    assert called(folder, "tune-apply", "MACHINE=fan", "FORCE=1")[-1].endswith("[--apply][--force]")
    assert called(folder, "sweep", "DETECTORS=fan valve")[1:] == [
        "[dvc][repro][experiments/sweep/dvc.yaml:pool@fan][experiments/sweep/dvc.yaml:pool@valve]",
        "[stridor][sweep][fan][valve]",
    ]


def test_packages_of_the_shell_stay_outside(folder):
    script = folder / ".venv" / "bin" / "stridor"
    script.write_text(script.read_text() + "env\n")
    said = called(folder, "plan", PYTHONPATH="/opt/ros/lib", PYTHONHOME="/opt/python")
    assert not [line for line in said if line.startswith(("PYTHONPATH=", "PYTHONHOME="))]


def test_set_up_brings_clips_and_goes_on_without_them(folder):
    assert called(folder, "setup") == ["[stridor][data][ready]"]
    script = folder / ".venv" / "bin" / "stridor"
    script.write_text(script.read_text() + "echo 'stridor: no remote.' >&2; exit 2\n")
    done = make(folder, "setup")
    assert done.returncode == 0
    assert (
        done.stderr == "stridor: no remote.\nstridor: the environment is ready; data/ is not, for the reason above.\n"
    )


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 10), (3, 15), (4, 0)])
def test_another_python_is_refused_by_one_sentence(folder, version):
    shutil.rmtree(folder / ".venv")
    fake = folder / "python-x"
    # As that Python would run the check.
    run = f"import sys; sys.version_info = {version}; exec(sys.argv.pop(1))"
    fake.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{run}" "$2" "$3"\n')
    fake.chmod(0o755)
    done = make(folder, "setup", f"PYTHON={fake.parent / 'python-x'}".replace(" ", "\\ "))
    assert done.returncode == 2
    number = ".".join(map(str, version))
    sentence, *rest = done.stderr.splitlines()
    assert sentence.startswith("stridor: Python 3.11 to 3.14 is needed, ")
    assert f" {fake} is {number}; name another by PYTHON=" in sentence
    assert all(line.startswith("make: ***") for line in rest)
    assert not (folder / ".venv").exists()


def test_a_python_that_is_not_there_is_named(folder):
    shutil.rmtree(folder / ".venv")
    done = make(folder, "setup", "PYTHON=python3.99")
    assert done.returncode == 2
    assert "stridor: there is no python3.99; name a Python 3.11 to 3.14 by PYTHON=..." in done.stderr


def test_an_environment_of_another_folder_or_python_is_made_anew(folder):
    python = folder / ".venv" / "bin" / "python"
    python.write_text("#!/bin/sh\necho Python 3.11.0\n")
    python.chmod(0o755)
    other = folder.with_name("python3.13")
    shutil.copy(python, other)
    assert make(folder, "--question", ".venv/.ready", f"PYTHON={other}").returncode == 0
    other.write_text("#!/bin/sh\necho Python 3.13.0\n")
    assert make(folder, "--question", ".venv/.ready").returncode == 0
    assert make(folder, "--question", ".venv/.ready", f"PYTHON={other}").returncode == 1
    folder.rename(folder.with_name("moved"))
    planned = make(folder.with_name("moved"), "--dry-run", "plan")
    assert ".venv belongs to another folder or Python and is made anew" in planned.stdout
    assert "python3 -m venv --clear .venv" in planned.stdout
    assert "stridor store relocate" in planned.stdout
