"""A DVC remote: what one checkout pushed, a fresh clone pulls, and has nothing left to run."""

import os
import subprocess
import sys

import pytest

from recordings import PARAMS, content, write_recording
from stridor.common.errors import StridorError
from stridor.ingest.ready import make_demo, make_ready
from stridor.ingest.recordings import import_folder
from stridor.ingest.recordings.journal import import_lock

pytestmark = pytest.mark.slow

PIPELINE = """\
stages:
  count:
    cmd: touch ran && ls data/fan/train > counted
    deps: [data]
    outs: [counted]
"""


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def git(*arguments, cwd):
    return run("git", "-c", "user.name=stridor", "-c", "user.email=stridor@example.org", *arguments, cwd=cwd)


def dvc(*arguments, cwd):
    return run(sys.executable, "-m", "dvc", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    """A project whose clips and results were pushed to a folder."""
    tmp_path = tmp_path_factory.mktemp("remote")
    root = tmp_path / "project"
    root.mkdir()
    (root / "params.yaml").write_text(PARAMS)
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / ".gitignore").write_text("/ran\n")
    git("init", "-q", cwd=root)
    dvc("init", "-q", cwd=root)
    for index in range(3):
        write_recording(tmp_path / "recordings" / "fan" / "normal" / f"{index}.wav", 1)
    import_folder(tmp_path / "recordings", root, fresh=True)
    dvc("repro", "-q", cwd=root)
    dvc("remote", "add", "-q", "-d", "store", str(tmp_path / "store"), cwd=root)
    git("add", "-A", cwd=root)
    git("commit", "-qm", "Our machines", cwd=root)
    dvc("push", "-q", cwd=root)
    return root


def test_a_fresh_clone_has_nothing_left_to_run(pushed, tmp_path):
    clone = tmp_path / "clone"
    git("clone", "-q", str(pushed), str(clone), cwd=tmp_path)
    assert not (clone / "data").exists()
    assert "was pulled from the DVC remote" in make_ready(clone)
    assert content(clone / "data") == content(pushed / "data")
    dvc("pull", "-q", cwd=clone)
    assert "up to date" in dvc("status", cwd=clone)
    assert "up to date" in dvc("repro", "--dry", cwd=clone)
    dvc("repro", "-q", cwd=clone)
    assert not (clone / "ran").exists()
    assert (clone / "counted").read_text() == (pushed / "counted").read_text()
    assert git("status", "--porcelain", cwd=clone) == ""


def test_without_the_remote_it_says_what_to_do(pushed, tmp_path):
    clone = tmp_path / "clone"
    git("clone", "-q", str(pushed), str(clone), cwd=tmp_path)
    dvc("remote", "modify", "--local", "store", "url", str(tmp_path / "nowhere"), cwd=clone)
    with pytest.raises(StridorError, match=r"failed to pull .*; name a DVC remote that holds"):
        make_ready(clone)
    assert not (clone / "data").exists()


def test_two_at_once_are_told_of_each_other(tmp_path):
    (tmp_path / ".dvc").mkdir()
    with import_lock(tmp_path), pytest.raises(StridorError, match=rf"\(process {os.getpid()} on .*\) is running; wait"):
        make_demo(tmp_path)
    assert not (tmp_path / "data").exists()


def test_the_demo_needs_a_project(tmp_path):
    with pytest.raises(StridorError, match="is not a DVC project; run the command in the project's root"):
        make_demo(tmp_path)
    assert list(tmp_path.iterdir()) == []
