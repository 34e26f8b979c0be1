"""The line about committed results: in a repository of two stages, whose outputs differ or not."""

import json
import subprocess
from pathlib import Path

import pytest

from stridor.pipeline.committed import LOCK, MEASURES, PUT_BACK, compare_with_committed

LOCKED = """\
schema: '2.0'
stages:
  train@fan:
    deps:
    - path: data
      md5: {data}
    params:
      params.yaml:
        training:
          learning_rate: {rate}
    outs:
    - path: artifacts/fan/encoder
      md5: {encoder}
  summary:
    deps:
    - path: artifacts/fan
      md5: {encoder}
"""


def write(total: float, **values: str) -> None:
    LOCK.write_text(LOCKED.format(**{"data": "d1", "rate": "0.1", "encoder": "e1"} | values))
    MEASURES.parent.mkdir(exist_ok=True)
    MEASURES.write_text(json.dumps({"full": {"total": total}, "frozen": {"total": 0.5}}))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(0.7)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "run"]):
        subprocess.run([*git, *command], check=True)


def test_equal_totals(repository):
    assert compare_with_committed() == "Totals equal the committed ones."


def test_another_processor_is_the_reason_where_inputs_are_equal(repository):
    write(0.7021, encoder="e2")
    line = compare_with_committed()
    assert line.startswith("Totals are within 0.3 points of the committed ones: ")
    assert "another processor rounds otherwise" in line
    assert line.endswith(PUT_BACK)


def test_what_changed_is_the_reason_where_inputs_differ(repository):
    write(0.6, data="d2", rate="0.2", encoder="e2")
    assert compare_with_committed() == (
        "Totals are within 10.0 points of the committed ones; since the commit changed: data, training of params.yaml."
    )


def test_nothing_is_said_without_a_commit_or_measures(repository, tmp_path, monkeypatch):
    MEASURES.unlink()
    assert compare_with_committed() is None
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path / "new")
    write(0.7)
    assert compare_with_committed() is None
