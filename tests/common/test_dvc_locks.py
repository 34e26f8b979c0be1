"""Entries of DVC's table of locks: those of living commands stay, others go."""

import json
import os
import subprocess
import sys
import time

import pytest

from stridor.common.dvc_locks import drop_half_copies, drop_stale_locks


@pytest.fixture
def table(tmp_path):
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    return tmp_path / ".dvc/tmp/rwlock"


@pytest.fixture
def living():
    """A process that is called like a command of DVC."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", "repro", "train@fan"]) as process:
        yield process.pid
        process.kill()


def test_the_number_of_a_lost_command_may_live_on(tmp_path, table, living):
    lost = {"pid": os.getppid(), "cmd": "/x/dvc repro train@fan"}  # the number of a process that is no DVC
    gone = {"pid": 2**22 + 1, "cmd": "/x/dvc repro"}
    alive = {"pid": living, "cmd": "/x/dvc repro train@fan"}
    time.sleep(0.05)
    table.write_text(
        json.dumps({"write": {"a": lost, "b": alive, "c": gone}, "read": {"d": [lost, alive], "e": [gone]}})
    )
    assert drop_stale_locks(tmp_path) == 4
    assert json.loads(table.read_text()) == {"write": {"b": alive}, "read": {"d": [alive]}}
    assert drop_stale_locks(tmp_path) == 0


def test_a_process_younger_than_the_table_made_no_entry_of_it(tmp_path, table, living):
    table.write_text(json.dumps({"write": {"a": {"pid": living, "cmd": "/x/dvc repro train@fan"}}, "read": {}}))
    os.utime(table, (time.time() - 3600,) * 2)
    assert drop_stale_locks(tmp_path) == 1


@pytest.mark.parametrize("text", ["", '{"write": {"a": {"pid": 3, "cm'])
def test_a_table_whose_writing_was_cut_off_is_removed_unless_dvc_is_at_work(tmp_path, table, text):
    table.write_text(text)
    (tmp_path / "dvc").write_text("import time; time.sleep(300)")
    with subprocess.Popen([sys.executable, tmp_path / "dvc"], cwd=tmp_path) as process:
        assert drop_stale_locks(tmp_path) == 0
        assert table.read_text() == text
        process.kill()
    assert drop_stale_locks(tmp_path) == 1
    assert not table.exists()


@pytest.mark.parametrize("text", ["[]", "3", '{"write": {"a": 3}}', '{"write": {"a": {"pid": "x"}}}'])
def test_a_damaged_table_is_left_to_dvc(tmp_path, table, text):
    table.write_text(text)
    assert drop_stale_locks(tmp_path) == 0
    assert table.read_text() == text


def test_half_copies_of_a_killed_command_leave_the_cache_but_not_under_a_living_one(tmp_path, table):
    gone = json.dumps({"write": {"a": {"pid": 2**22 + 1, "cmd": "/x/dvc add data"}}, "read": {}})
    cache = tmp_path / ".dvc/cache/files/md5/0a"
    cache.mkdir(parents=True)
    for name in (".aB-3_x.tmp", "bcdef"):
        (cache / name).touch()
    assert drop_stale_locks(tmp_path) == 0
    table.write_text(gone)
    (tmp_path / "dvc").write_text("import time; time.sleep(300)")
    with subprocess.Popen([sys.executable, tmp_path / "dvc"], cwd=tmp_path) as process:
        assert drop_stale_locks(tmp_path) == 1
        assert len(list(cache.iterdir())) == 2
        process.kill()
    table.write_text(gone)
    assert drop_stale_locks(tmp_path) == 1
    assert [path.name for path in cache.iterdir()] == ["bcdef"]


def test_half_copies_of_a_command_that_had_no_space_are_dropped(tmp_path):
    cache = tmp_path / ".dvc/cache/files/md5/0a"
    cache.mkdir(parents=True)
    for name in (".aB-3_x.tmp", "bcdef"):
        (cache / name).touch()
    drop_half_copies(tmp_path)
    assert [path.name for path in cache.iterdir()] == ["bcdef"]


def test_no_table_is_nothing_to_drop(tmp_path):
    assert drop_stale_locks(tmp_path) == 0
