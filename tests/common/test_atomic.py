"""Files and folders that appear whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from stridor.common.atomic import atomic_file, atomic_folder, unfinished_folder


def test_folder_appears_when_the_block_ends(tmp_path):
    with atomic_folder(tmp_path / "deep" / "bank") as beside:
        (beside / "a.txt").write_text("new")
        assert not (tmp_path / "deep" / "bank").exists()
    assert (tmp_path / "deep" / "bank" / "a.txt").read_text() == "new"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["bank"]


def test_folder_replaces_the_older_one_entirely(tmp_path):
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "old.txt").write_text("old")
    with atomic_folder(tmp_path / "bank") as beside:
        (beside / "new.txt").write_text("new")
    assert [path.name for path in (tmp_path / "bank").iterdir()] == ["new.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["bank"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_failure_keeps_the_old_folder(tmp_path, failure):
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "old.txt").write_text("old")

    def break_off():
        with atomic_folder(tmp_path / "bank") as beside:
            (beside / "half.txt").write_text("half")
            raise failure

    with pytest.raises(failure):
        break_off()
    assert [path.name for path in (tmp_path / "bank").iterdir()] == ["old.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["bank"]


def test_failing_rename_keeps_the_old_folder(tmp_path):
    place = tmp_path / "bank"
    place.mkdir()
    (place / "old.txt").write_text("old")
    with pytest.raises(OSError, match="No such file"), atomic_folder(place) as beside:
        beside.rename(tmp_path / "taken away")
    assert (place / "old.txt").read_text() == "old"


def test_remains_of_a_killed_run_are_swept(tmp_path):
    (tmp_path / ".bank.unfinished-x").mkdir()
    (tmp_path / ".bank.unfinished-x" / "half.txt").write_text("half")
    (tmp_path / ".bank.unfinished-y").write_text("half")
    (tmp_path / ".other.unfinished-z").mkdir()
    with atomic_folder(tmp_path / "bank"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.unfinished-z", "bank"]


def test_file_appears_whole_with_its_extension(tmp_path):
    with atomic_file(tmp_path / "deep" / "a.csv") as beside:
        assert beside.suffix == ".csv"
        beside.write_text("1")
    assert (tmp_path / "deep" / "a.csv").read_text() == "1"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.csv"]


def test_failure_keeps_the_old_file(tmp_path):
    (tmp_path / "a.csv").write_text("old")

    def break_off():
        with atomic_file(tmp_path / "a.csv") as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert (tmp_path / "a.csv").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_an_unfinished_folder_is_spelled_as_its_place_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in (Path("data"), Path("deep/data"), tmp_path / "data"):
        place.parent.mkdir(exist_ok=True)
        folder = unfinished_folder(place)
        assert folder.parent == place.parent
        assert folder.is_dir()
        assert folder.name.startswith(".data.unfinished-")


@pytest.fixture(params=[0o002, 0o022, 0o077], ids=oct)
def umask(request):
    """Rights that this user withholds from others."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def replace_both(folder: Path) -> tuple[Path, Path]:
    with atomic_file(folder / "params.yaml") as beside:
        beside.write_text("new")
    with atomic_folder(folder / "bank") as beside:
        (beside / "a.txt").write_text("new")
    return folder / "params.yaml", folder / "bank"


def test_what_is_new_has_the_rights_that_the_umask_leaves(tmp_path, umask):
    file, folder = replace_both(tmp_path)
    assert rights(file) == rights(folder / "a.txt") == 0o666 & ~umask
    assert rights(folder) == 0o777 & ~umask


def test_what_is_replaced_keeps_mode_and_group(tmp_path, umask):
    file, folder = replace_both(tmp_path)
    others = [group for group in os.getgroups() if group != os.getgid()] or ([1] if os.getuid() == 0 else [])
    for place, mode in ((file, 0o664), (folder, 0o2775)):
        for group in others[:1]:
            os.chown(place, -1, group)
        place.chmod(mode)
    before = [(rights(place), place.stat().st_gid) for place in (file, folder)]
    assert [(rights(place), place.stat().st_gid) for place in replace_both(tmp_path)] == before
    assert file.read_text() == "new"


def test_a_group_folder_gives_its_group_to_what_is_new(tmp_path):
    if os.getuid():
        pytest.skip("only root has a second group for certain")
    os.chown(tmp_path, -1, 1)
    tmp_path.chmod(0o2775)
    assert [place.stat().st_gid for place in replace_both(tmp_path)] == [1, 1]


def test_a_folder_that_another_process_is_still_writing_stays(tmp_path):
    with atomic_folder(tmp_path / "bank") as first:
        (first / "a.txt").write_text("first")
        with atomic_folder(tmp_path / "bank") as second:
            (second / "a.txt").write_text("second")
        assert (first / "a.txt").read_text() == "first"
    assert (tmp_path / "bank" / "a.txt").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["bank"]
