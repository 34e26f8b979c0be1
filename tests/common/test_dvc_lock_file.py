"""A lock file that DVC was killed over is whole again, wherever it was cut off."""

import os
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from stridor.common.dvc_lock_file import keep_lock_files, repair_lock_files

WHOLE = """schema: '2.0'
stages:
  augment@pump:
    cmd: python -m stridor.stages.augment pump
    deps:
    - path: data
      hash: md5
      md5: 56be808042862af2cc47d3d26e59ac61.dir
      size: 683448
    params:
      params.yaml:
        augment:
          variants: 2
        seed: 1
  train@pump:
    cmd: python -m stridor.stages.train pump
    outs:
    - path: results/pump/curves.csv
      hash: md5
      md5: '12345678901234567890123456789012'
      size: 1060
  'odd name':
    cmd: echo
"""
LAST = WHOLE.index("  'odd name'")


@pytest.fixture
def project(tmp_path):
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    return tmp_path


def stages(project):
    return YAML(typ="safe").load((project / "dvc.lock").read_text())["stages"]


def test_no_cut_loses_a_stage_that_was_recorded_when_the_latest_stage_started(project):
    lock, found = project / "dvc.lock", set()
    lock.write_text(WHOLE)
    keep_lock_files(project)
    for length in range(0, len(WHOLE), 7):
        lock.write_text(WHOLE[:length])
        repaired = repair_lock_files(project)
        found.add(repaired)
        if repaired:
            assert lock.read_text() == WHOLE or stages(project).keys() == {"augment@pump", "train@pump", "odd name"}
    # Some parts are valid by chance: DVC runs again what is missing there.
    assert found == {0, 1}


@pytest.mark.parametrize(("length", "left"), [
    (LAST + 5, ["augment@pump", "train@pump"]),
    (WHOLE.index("size: 1060") - 30, ["augment@pump"]),  # within a hash
    (WHOLE.index("  train@pump") + 16, ["augment@pump"]),
])  # fmt: skip
def test_without_a_copy_the_stage_where_it_ends_goes(project, length, left):
    (project / "dvc.lock").write_text(WHOLE[:length])
    assert repair_lock_files(project) == 1
    assert list(stages(project)) == left


@pytest.mark.parametrize("length", [0, 1, 9, 20, WHOLE.index("    cmd")])
def test_of_a_file_without_a_whole_stage_nothing_is_left(project, length):
    (project / "dvc.lock").write_text(WHOLE[: length and length - 1])
    assert repair_lock_files(project) == 1
    assert not (project / "dvc.lock").exists()


@pytest.mark.parametrize("text", [
    WHOLE.replace("  train@pump:", "<<<<<<< HEAD\n  train@pump:"),
    WHOLE.replace("size: 683448", "size: [683448"),
    "no lock: [",
    WHOLE,
])  # fmt: skip
def test_what_was_not_cut_off_stays_as_it_is(project, text):
    (project / "dvc.lock").write_text(text)
    assert repair_lock_files(project) == 0
    assert (project / "dvc.lock").read_text() == text


def test_a_copy_is_not_replaced_by_a_file_that_is_being_written(project, monkeypatch):
    (project / "dvc.lock").write_text(WHOLE)
    keep_lock_files(project)
    (project / "dvc.lock").write_text(WHOLE[: LAST - 60])
    monkeypatch.setattr("time.sleep", lambda _: (project / "dvc.lock").write_text(WHOLE))
    keep_lock_files(project)
    assert (project / ".dvc/tmp/stridor/dvc.lock").read_text() == WHOLE


def test_the_lock_files_of_experiments_are_repaired_as_well(project):
    lock = project / "experiments/table/dvc.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(WHOLE[: LAST + 3])
    assert repair_lock_files(project) == 1
    assert lock.read_text() == WHOLE[:LAST]


def test_while_dvc_is_at_work_nothing_is_repaired(project):
    (project / "dvc.lock").write_text(WHOLE[: LAST + 3])
    code = "import sys, time; print(1, flush=True); time.sleep(300)"
    script = project / "dvc"
    script.write_text(code)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, cwd=project) as dvc:
        dvc.stdout.readline()
        assert repair_lock_files(project) == 0
        dvc.kill()
    assert repair_lock_files(project) == 1


def test_a_project_without_dvc_keeps_no_copies(tmp_path):
    (tmp_path / "dvc.lock").write_text(WHOLE)
    keep_lock_files(tmp_path)
    assert os.listdir(tmp_path) == ["dvc.lock"]
