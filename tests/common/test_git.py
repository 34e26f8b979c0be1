"""The content of files in the latest commit, and a repository that is sent."""

import subprocess
from pathlib import Path

import pytest

from stridor.common import git
from stridor.common.errors import StridorError
from stridor.common.git import committed


def test_it_is_that_of_the_commit_wherever_the_root_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert committed("a.txt") is None
    inner = Path("inner")
    inner.mkdir()
    (inner / "a.txt").write_bytes(b"old\r\n\xff")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *command], check=True)
    (inner / "a.txt").write_bytes(b"new")
    assert committed("inner/a.txt") == b"old\r\n\xff"
    assert committed("a.txt", inner) == b"old\r\n\xff"
    assert committed(Path("b.txt"), inner) is None
    monkeypatch.setenv("PATH", "")
    assert committed("a.txt", inner) is None


def commit_all(folder: Path) -> None:
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", "-C", str(folder), *who, *command], check=True)


def test_the_repository_travels_as_one_file(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "results").mkdir(parents=True)
    (here / "a b\n.txt").write_text("one")
    (here / "results" / "r.json").write_text("{}")
    commit_all(here)
    monkeypatch.chdir(here)
    there.mkdir()
    git.clone(git.bundle(), git.commit(), there)
    assert (there / "a b\n.txt").read_text() == "one"
    assert git.changed_files() == []
    (here / "a b\n.txt").write_text("two")
    (here / "results" / "r.json").unlink()
    (here / "new.txt").touch()
    assert git.changed_files() == ["a b\n.txt", "results/r.json"]
    assert git.changed_files(but=["results"]) == ["a b\n.txt"]
    assert git.is_tracked(Path("a b\n.txt"))
    assert not git.is_tracked(Path("new.txt"))
    # What was committed counts, not what lies in the folder.
    again = tmp_path / "again"
    again.mkdir()
    git.clone(git.bundle(), git.commit(), again)
    assert (again / "a b\n.txt").read_text() == "one"


def test_without_a_commit_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StridorError, match=r"'git rev-parse' failed \(fatal.*fix this"):
        git.commit()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StridorError, match="git is not installed"):
        git.commit()
