"""What lies around a command: a copy of the project, another Python on the PATH, closed pipes, rights, a full disk."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import stridor
from full_disk import files_of_at_most
from mlflow_project import in_project, register_champion, wave, write_detector
from stridor.audio.files import write_clip
from stridor.common.dvc import dvc_environment
from stridor.common.errors import StridorError, one_sentence
from stridor.common.project import check_code
from stridor.common.saving import save_array, save_tensors
from stridor.tracking.store import open_store
from tiny import tiny_params

PACKAGE = Path(stridor.__file__).parent
STRIDOR = [sys.executable, "-m", "stridor"]
# Root may write everywhere, and does so unasked.
only_for_users = pytest.mark.skipif(os.getuid() == 0, reason="nothing is forbidden to root")


@pytest.fixture(scope="module")
def detector(tmp_path_factory, empty_database):
    """A project with a registered detector and a clip."""
    with in_project(tmp_path_factory.mktemp("project"), empty_database) as root:
        params = tiny_params()
        register_champion("pump", *write_detector(root, params), params, None, {"hmean": 0.5})
        write_clip(root / "clip.wav", wave(99, 7000, 450))
    return root


def copy_of_the_code(root: Path) -> Path:
    (root / "params.yaml").touch()
    return Path(shutil.copytree(PACKAGE, root / "src" / "stridor", ignore=shutil.ignore_patterns("__pycache__")))


def test_a_copy_of_the_project_with_the_same_code_is_computed_with(tmp_path, monkeypatch):
    copy_of_the_code(tmp_path)
    (tmp_path / "deep").mkdir()
    for folder in (tmp_path, tmp_path / "deep"):
        monkeypatch.chdir(folder)
        check_code()


@pytest.mark.slow
def test_a_copy_of_the_project_with_other_code_is_refused(tmp_path, monkeypatch):
    (copy_of_the_code(tmp_path) / "audio" / "mixing.py").write_text("# changed\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StridorError, match=rf"{tmp_path}/src/stridor is not the code that runs, .*'make setup'"):
        check_code()
    # The package in use is the first on the path.
    arguments = [sys.executable, "-m", "stridor.stages.summary"]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 2
    assert "is not the code that runs" in done.stderr
    own = os.environ | {"PYTHONPATH": str(tmp_path / "src")}
    done = subprocess.run(arguments, capture_output=True, text=True, env=own)
    assert "is not the code that runs" not in done.stderr


def test_stages_run_with_the_interpreter_that_runs_dvc(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    folder = str(Path(sys.executable).parent)
    assert dvc_environment()["PATH"] == f"{folder}:/usr/bin:/bin"
    assert shutil.which("python", path=dvc_environment()["PATH"]) == f"{folder}/python"
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    assert dvc_environment()["PATH"] == f"{folder}:/bin"


def test_dvc_is_given_a_name_for_a_user_without_one(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda user: {}[user])
    assert dvc_environment()["LOGNAME"] == f"user{os.getuid()}"
    monkeypatch.setenv("USER", "me")
    assert "LOGNAME" not in dvc_environment()


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(detector):
    clips = ["clip.wav"] * 50
    score = subprocess.Popen(
        [*STRIDOR, "score", *clips, "--detector", "pump"],
        cwd=detector, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert score.stdout.readline()
    score.stdout.close()
    assert "Traceback" not in (said := score.stderr.read())
    assert "stridor: " not in said
    assert score.wait() == 128 + signal.SIGPIPE


def test_output_that_is_written_at_the_end_to_nobody_is_quiet_too():
    # Not flushed before the block ends, as that of the stages.
    code = "from stridor.common.errors import one_sentence\nwith one_sentence():\n    input()\n    print('done')"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", code], **pipes)
    process.stdout.close()
    process.stdin.write(b"\n")
    process.stdin.close()
    assert process.stderr.read() == b""
    assert process.wait() == 128 + signal.SIGPIPE


@pytest.mark.slow
def test_a_command_without_standard_output_works(detector):
    line = f"exec {sys.executable} -m stridor score clip.wav --detector pump >&-"
    done = subprocess.run(["sh", "-c", line], cwd=detector, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


def test_a_broken_pipe_to_something_else_is_an_error(capfd):
    with pytest.raises(SystemExit) as left, one_sentence():
        raise BrokenPipeError(32, "Broken pipe")
    assert left.value.code == 2
    assert "Broken pipe" in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_stop_leaves_no_traceback_and_no_half_file(tmp_path, number):
    code = """
import sys, time
from pathlib import Path
from stridor.common.atomic import atomic_file
from stridor.common.errors import one_sentence
with one_sentence(), atomic_file(Path("a.txt")) as beside:
    beside.write_text("half")
    print("ready", flush=True)
    # A signal just before a sleep is handled after it.
    for _ in range(6000):
        time.sleep(0.1)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    process.send_signal(number)
    said = process.communicate()[1]
    assert process.returncode == 128 + number
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_scoring_does_without_locale_home_and_temporary_folder(detector):
    values = {"LC_ALL": "C", "TMPDIR": "/nowhere", "HOME": "/nowhere"}
    done = subprocess.run(
        [*STRIDOR, "score", "clip.wav", "--detector", "pump"],
        cwd=detector, capture_output=True, text=True, env=os.environ | values,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "clip.wav" in done.stdout


def test_a_run_that_the_shell_names_is_not_taken_for_ours(project, monkeypatch):
    from stridor.tracking.runs import DataVersion, training_run

    with training_run("pump", tiny_params(), DataVersion("data", "abc")) as first:
        pass
    monkeypatch.setenv("MLFLOW_RUN_ID", first.run_id)
    with training_run("pump", tiny_params(), DataVersion("data", "abc")) as second:
        assert second.run_id != first.run_id


@only_for_users
def test_a_project_that_cannot_be_written_scores_and_says_why_it_does_no_more(detector, tmp_path, monkeypatch):
    root = Path(shutil.copytree(detector, tmp_path / "project"))
    monkeypatch.chdir(root)
    places = [root, *root.rglob("*")]
    try:
        for place in places:
            place.chmod(place.stat().st_mode & ~0o222)
        assert stridor.Detector.load("pump").score("clip.wav").machine == "pump"
        with pytest.raises(StridorError, match=r"readonly database|unable to open"):
            open_store()
    finally:
        for place in places:
            place.chmod(place.stat().st_mode | 0o200)


def test_a_file_that_cannot_be_written_whole_is_one_sentence(tmp_path):
    import numpy as np
    import torch

    # A small array fits into a buffer, so that only its last write fails.
    for save, values in (
        (save_tensors, torch.zeros(2**16)),
        (save_array, np.zeros(2**16)),
        (save_array, np.zeros(300)),
    ):
        with (
            files_of_at_most(2**11),
            pytest.raises(StridorError, match=r"a\.bin could not be written whole; free some space"),
        ):
            save(values, tmp_path / "a.bin")
