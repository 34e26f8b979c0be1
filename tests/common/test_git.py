"""The content of files in the latest commit."""

import subprocess
from pathlib import Path

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
