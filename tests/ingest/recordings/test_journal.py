"""The journal of an import: what is undone, and what somebody did afterwards stays."""

import subprocess

import pytest

from recordings import content
from stridor.common.errors import StridorError
from stridor.ingest.recordings.journal import Journal, undo_killed


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


def test_undoing_that_is_killed_goes_on(killed):
    root, before = killed
    journal = Journal(root / ".data.unfinished-x")
    said = (journal.beside / "journal.json").read_text()
    journal.undo()
    # As if the undoing had been killed before its last step.
    (journal.beside / "journal.json").write_text(said)
    journal.undo()
    assert undo_killed(root / "data") is False
    assert content(root) == before


def test_a_text_that_was_edited_since_stays(killed):
    root, before = killed
    (root / "params.yaml").write_text("edited")
    assert undo_killed(root / "data")
    assert content(root) == before | {"params.yaml": b"edited"}


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
