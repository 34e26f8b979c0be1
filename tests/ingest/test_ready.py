"""A DVC remote: what one checkout pushed, a fresh clone pulls, and has nothing left to run."""

import multiprocessing
import os
import signal
import subprocess
import sys

import pytest

from recordings import PARAMS, content, write_recording
from stridor.common.errors import StridorError
from stridor.ingest.ready import make_demo, make_ready
from stridor.ingest.recordings import folder, import_folder
from stridor.ingest.recordings.journal import import_lock

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked")]

PIPELINE = """\
stages:
  count:
    cmd: touch ran && ls data/fan/train > counted
    deps: [data]
    outs: [counted]
"""


# Like every stage of the project, it refuses to work on what an import has half changed.
REFUSING = """\
stages:
  count:
    cmd: %s -c "from stridor.common.stage_process import stage_process as s; s().__enter__(); open('counted', 'w')"
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
def pushed(tmp_path_factory, forked):
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


def test_data_of_another_commit_is_told_and_dvc_brings_back_what_is_named(pushed, tmp_path):
    write_recording(tmp_path / "others" / "pump" / "normal" / "0.wav", 1)
    write_recording(tmp_path / "others" / "pump" / "normal" / "1.wav", 2)
    import_folder(tmp_path / "others", pushed, fresh=True)
    assert make_ready(pushed) == f"{pushed / 'data'} is there."
    git("checkout", "-q", "HEAD", "--", "params.yaml", "data.dvc", cwd=pushed)
    with pytest.raises(StridorError, match=r"data lacks fan, which params\.yaml names; .* 'dvc checkout data\.dvc'"):
        make_ready(pushed)
    assert [path.name for path in (pushed / "data").iterdir()] == ["pump"]
    dvc("checkout", "-q", "data.dvc", cwd=pushed)
    assert make_ready(pushed) == f"{pushed / 'data'} is there."
    assert [path.name for path in (pushed / "data").iterdir()] == ["fan"]


def test_a_killed_import_that_dvc_repro_has_recorded_is_undone_as_a_whole(tmp_path):
    """DVC brings data.dvc up to date before any stage can refuse; data/, data.dvc and params.yaml still agree."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "params.yaml").write_text(PARAMS)
    (root / "dvc.yaml").write_text(REFUSING % sys.executable)
    git("init", "-q", cwd=root)
    dvc("init", "-q", cwd=root)
    for machine in ("fan", "pump"):
        for index in range(3):
            write_recording(tmp_path / machine / "normal" / f"{index}.wav", 1 + index)
    import_folder(tmp_path / "fan", root, fresh=True)
    dvc("repro", "-q", cwd=root)
    names = ("data", "data.dvc", "params.yaml", "dvc.lock", "reports")
    before = {name: text for name, text in content(root).items() if name.startswith(names)}
    process = multiprocessing.get_context("fork").Process(target=_import_and_die, args=(tmp_path / "pump", root))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    done = subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=root, capture_output=True, text=True)
    assert done.returncode != 0
    assert "undo it with 'stridor data ready', and run the command again" in done.stderr
    assert content(root)["data.dvc"] != before["data.dvc"]
    make_ready(root)
    assert {name: text for name, text in content(root).items() if name.startswith(names)} == before
    # DVC had removed the output of the stage that refused, and knows it from before.
    dvc("repro", "-q", cwd=root)
    assert (root / "counted").exists()
    assert "up to date" in dvc("status", cwd=root)


def _import_and_die(source, root):
    """Import and be killed when all files are in place and DVC is about to take them."""
    folder.track = lambda data: os.kill(os.getpid(), signal.SIGKILL)
    import_folder(source, root)


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
