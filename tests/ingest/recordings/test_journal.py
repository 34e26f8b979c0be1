"""The journal of an import: what is undone, and what somebody did afterwards stays."""

import hashlib
import json
import os
import shutil
import subprocess

import pytest

from full_disk import files_of_at_most
from recordings import content
from stridor.common.errors import StridorError
from stridor.ingest.recordings.journal import Journal, undo_killed
from stridor.ingest.recordings.journal_entries import mark_of


@pytest.fixture
def killed(tmp_path):
    """A project whose import was killed after all its changes were made, and before they were final."""
    (tmp_path / "data" / "fan").mkdir(parents=True)
    (tmp_path / "data" / "fan" / "clip").write_text("old")
    (tmp_path / "params.yaml").write_text("old")
    (tmp_path / "data.dvc").write_text("old")
    before = content(tmp_path)
    beside = tmp_path / ".data.unfinished-x"
    (beside / "new" / "fan").mkdir(parents=True)
    (beside / "new" / "fan" / "clip").write_text("new")
    (beside / "old").mkdir()
    moves = [(tmp_path / "data" / "fan", beside / "old" / "fan"), (beside / "new" / "fan", tmp_path / "data" / "fan")]
    texts = {tmp_path / "params.yaml": b"new", tmp_path / "reports" / "import_fan.md": b"new"}
    Journal(beside).open(moves, texts, tmp_path / "data.dvc")
    for here, there in moves:
        here.rename(there)
    (tmp_path / "reports").mkdir()
    for file, text in texts.items():
        file.write_bytes(text)
    (tmp_path / "data.dvc").write_text("new")
    return tmp_path, before


def test_everything_is_as_it_was(killed):
    root, before = killed
    assert undo_killed(root / "data")
    assert content(root) == before
    assert not undo_killed(root / "data")


def test_a_full_disk_has_room_for_undoing(killed):
    root, before = killed
    with files_of_at_most(0):
        assert undo_killed(root / "data")
    assert content(root) == before


def test_undoing_that_is_killed_goes_on(killed):
    root, before = killed
    journal = Journal(root / ".data.unfinished-x")
    said = (journal.folder / "journal.json").read_text()
    journal.undo()
    # As if the undoing had been killed before its last step.
    (journal.folder / "journal.json").write_text(said)
    journal.undo()
    assert undo_killed(root / "data") is False
    assert content(root) == before


def test_a_text_that_was_edited_since_stays(killed):
    root, before = killed
    (root / "params.yaml").write_text("edited")
    assert undo_killed(root / "data")
    assert content(root) == before | {"params.yaml": b"edited"}


@pytest.mark.parametrize("name", ["data/fan/clip", "data/fan/mine.wav", "data/fan/deep/mine.wav"])
def test_clips_that_were_added_or_changed_since_are_not_lost(killed, name):
    root, before = killed
    mine = root / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine, and longer")
    after = content(root)
    with pytest.raises(StridorError, match=rf"{name} was added or changed since an import was cut off.*move it out"):
        undo_killed(root / "data")
    assert content(root) == after
    mine.rename(root / "mine.wav")
    assert undo_killed(root / "data")
    assert content(root) == before | {"mine.wav": b"mine, and longer"}


def test_a_clip_of_the_same_size_that_was_edited_since_is_not_lost(killed):
    root, _ = killed
    clip = root / "data" / "fan" / "clip"
    clip.write_text("own")
    os.utime(clip, ns=(0, 1))
    with pytest.raises(StridorError, match="data/fan/clip was added or changed"):
        undo_killed(root / "data")


def test_links_that_dvc_puts_in_the_place_of_clips_are_no_change(killed):
    root, before = killed
    clip, cached = root / "data" / "fan" / "clip", root / "cached"
    clip.rename(cached)
    os.utime(cached, ns=(0, 1))
    os.link(cached, clip)
    assert undo_killed(root / "data")
    assert content(root) == before | {"cached": b"new"}


def test_nor_are_copies_from_its_cache(killed):
    root, before = killed
    clip = root / "data" / "fan" / "clip"
    md5 = hashlib.md5(b"new").hexdigest()
    cached = root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"new")
    os.utime(clip, ns=(0, 1))
    assert undo_killed(root / "data")
    assert content(root) == before


@pytest.mark.parametrize("fresh", [True, False])
def test_a_folder_that_was_made_where_the_old_state_belongs_is_not_lost_nor_is_that(tmp_path, fresh):
    """Killed between two renames, an import leaves a place empty that somebody may fill."""
    (tmp_path / "data" / "fan").mkdir(parents=True)
    (tmp_path / "data" / "fan" / "clip").write_text("old")
    folder = tmp_path / ".data.unfinished-x"
    (folder / "new" / "fan").mkdir(parents=True)
    (folder / "new" / "fan" / "clip").write_text("new")
    (folder / "old").mkdir()
    data, old, new = tmp_path / "data", folder / "old", folder / "new"
    moves = [(data, old / "data"), (new, data)] if fresh else [(data / "fan", old / "fan"), (new / "fan", data / "fan")]
    before = content(data)
    Journal(folder).open(moves, {}, tmp_path / "data.dvc")
    moves[0][0].rename(moves[0][1])
    (data / "fan").mkdir(parents=True)
    (data / "fan" / "mine").write_text("mine")
    after = content(tmp_path)
    with pytest.raises(StridorError, match=r"data\S* has been made since an import was cut off"):
        undo_killed(data)
    assert content(tmp_path) == after
    moves[0][0].rename(tmp_path / "mine")
    assert undo_killed(data)
    assert content(data) == before


def test_what_was_committed_since_is_not_turned_back(killed):
    root, before = killed

    def git(*arguments):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)

    git("init")
    git("add", "params.yaml")
    git("commit", "-m", "what the import wrote")
    after = content(root)
    with pytest.raises(StridorError, match=r"params\.yaml has been committed since an import was cut off"):
        undo_killed(root / "data")
    assert content(root) == after
    # Committed as it was before the import: nothing that an undo turns back.
    (root / "params.yaml").write_text("old")
    git("commit", "-am", "back")
    (root / "params.yaml").write_text("new")
    assert undo_killed(root / "data")
    assert {name: text for name, text in content(root).items() if not name.startswith(".git")} == before


def test_what_was_made_final_stays(killed):
    root, _ = killed
    Journal(root / ".data.unfinished-x").close()
    assert undo_killed(root / "data") is False
    assert (root / "data" / "fan" / "clip").read_text() == "new"
    assert not list(root.glob(".*unfinished*"))


def test_nothing_to_undo(tmp_path):
    assert undo_killed(tmp_path / "data") is False


def refuse(root, reason):
    """Expect that a journal is refused in one sentence, and that nothing is touched inside and outside."""
    before = content(root.parent)
    with pytest.raises(StridorError, match=reason) as refused:
        undo_killed(root / "data")
    assert "is not the journal of an import into this project" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert content(root.parent) == before


@pytest.fixture
def forged(tmp_path):
    """A project with a journal whose content the test chooses, and a folder outside of it."""
    root = tmp_path / "project"
    beside = root / ".data.unfinished-x"
    (beside / "before").mkdir(parents=True)
    (root / "data").mkdir()
    (tmp_path / "dir").mkdir()
    for name in ("victim", "dir/clip", "project/data.dvc", "project/data/clip", "project/keep.txt"):
        (tmp_path / name).write_text("mine")

    def write(**said):
        values = {"moves": [], "files": [], "written": {}, "mark": mark_of(beside / "before")} | said
        (beside / "journal.json").write_text(json.dumps(values))
        return root

    return write


@pytest.mark.parametrize(
    "files", [["../victim"], ["data.dvc", "../victim"], ["/etc/hostname"], ["data/../../victim"], ["keep.txt"],
              ["reports/../keep.txt"], [".git/config"], ["data"], [None], [["data.dvc"]], "data.dvc", 7],
)  # fmt: skip
def test_a_journal_that_names_other_files_is_refused(forged, files):
    refuse(forged(files=files), r"\(")


@pytest.mark.parametrize(
    "moves", [[["data/stolen", "../dir"]], [["../dir", "data"]], [["data", "../away"]], [["keep.txt", "data/keep"]],
              [["data", ".data.unfinished-x/old/fan"]], [["data/fan", "/tmp/fan"]], [["data"]], ["ab"], [["a", 1]],
              [["data/..", ".data.unfinished-x/old/.."]], {"a": 1}],
)  # fmt: skip
def test_a_journal_with_other_moves_is_refused(forged, moves):
    refuse(forged(moves=moves), r"\(")


@pytest.mark.parametrize("written", [None, 7, ["a"], {"a": 1}, {"a": [1]}, {"a": ["1", 2]}, {"a": [1, None]}, "a"])
def test_a_journal_with_another_list_of_clips_is_refused(forged, written):
    refuse(forged(written=written), r"\(")


@pytest.mark.parametrize(
    "text", [b"", b"\xef\xbb\xbf{}", b"[]", b"null", b"7", b'"x"', b"{}", b"\xff", b"[" * 100_000, b'{"moves": 1}'],
    ids=str,
)  # fmt: skip
def test_a_damaged_journal_is_one_sentence(forged, text):
    root = forged()
    (root / ".data.unfinished-x" / "journal.json").write_bytes(text)
    refuse(root, r"\(")


def test_a_journal_that_came_with_a_clone_is_not_obeyed(killed, tmp_path):
    root, _ = killed
    copy = tmp_path / "copy" / "project"
    shutil.copytree(root / ".data.unfinished-x", copy / ".data.unfinished-x")
    (copy / "data" / "fan").mkdir(parents=True)
    (copy / "params.yaml").write_text("mine")
    # git gives every file the time at which it writes it.
    os.utime(copy / ".data.unfinished-x" / "before")
    refuse(copy, "came with a copy of a project")


def test_a_project_that_was_moved_after_the_kill_is_healed(killed, tmp_path):
    root, before = killed
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in list(root.iterdir()):
        if path != moved:
            path.rename(moved / path.name)
    assert undo_killed(moved / "data")
    assert content(moved) == before


def test_a_link_in_the_place_of_data_is_not_followed(forged, tmp_path):
    root = forged(moves=[["data/fan", ".data.unfinished-x/old/fan"]])
    shutil.rmtree(root / "data")
    (root / "data").symlink_to(tmp_path / "dir")
    refuse(root, "behind a link")


def test_a_journal_of_another_user_is_refused(forged, monkeypatch):
    root = forged()
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    refuse(root, "belongs to another user")
