"""Which stages are started, and how; what DVC makes of them shows tests/test_pipeline.py."""

import pytest

from stridor.common.compute import THREADS, cores
from stridor.common.errors import StridorError
from stridor.pipeline import dvc_stages as stages
from stridor.pipeline.dvc_stages import Part
from stridor.pipeline.repro import STAGES, detector_stages, run_pipeline
from tiny import tiny_params

GROUPS = [[Part((f"augment@{name}", f"train@{name}"))] for name in "abc"]


@pytest.fixture
def started(monkeypatch):
    """Batches of commands that would have run together: what DVC is asked, and with which environment."""
    seen = []

    def run(commands, at_a_time):
        seen.append((at_a_time, [(command.line[4:], dict(command.environment)) for command in commands]))
        return [0] * len(commands)

    monkeypatch.setattr(stages, "run_parallel", run)
    return seen


def test_all_stages_of_a_group_that_is_not_up_to_date_run(started):
    said = []
    stages.run_stale("detectors", GROUPS, {"train@a", "augment@c", "elsewhere"}, 2, said.append)
    environment = {"TQDM_DISABLE": "1", THREADS: str(max(cores() // 2, 1))}
    a, c = (("repro", "--single-item", f"augment@{name}", f"train@{name}") for name in "ac")
    assert started == [(2, [(a, environment), (c, environment)])]
    assert said == ["detectors: 3, 1 of them up to date; 2 at a time"]


def test_there_are_no_more_processes_than_groups_and_a_single_one_has_an_unchanged_environment(started):
    stages.run_stale("detectors", GROUPS, {"train@b"}, 8, lambda text: None)
    assert started == [(1, [(("repro", "--single-item", "augment@b", "train@b"), {})])]


def test_parts_of_all_groups_run_before_those_that_come_after_them(monkeypatch):
    asked = []
    monkeypatch.setattr(stages, "run_parallel", lambda commands, at_a_time: asked.extend(commands) or [0])
    groups = [[Part((f"train@{one}",)), Part((f"own@{one}",), (0,)), Part((f"test@{one}",), (0, 1))] for one in "abc"]
    stages.run_stale("detectors", groups, {"train@a", "own@c"}, 2, lambda text: None)
    found = [(command.line[-1], [asked[one].line[-1] for one in command.after]) for command in asked]
    assert found == [
        ("train@a", []), ("train@c", []), ("own@a", ["train@a"]), ("own@c", ["train@c"]),
        ("test@a", ["train@a", "own@a"]), ("test@c", ["train@c", "own@c"]),
    ]  # fmt: skip
    asked.clear()
    stages.run_stale("detectors", groups, {"own@b"}, 2, lambda text: None)
    assert [command.line[-3:] for command in asked] == [("train@b", "own@b", "test@b")]


def test_nothing_is_started_where_all_is_up_to_date(started, capsys):
    stages.run_stale("cells", GROUPS, set(), 2)
    assert started == [(0, [])]
    assert capsys.readouterr().out == "cells: 3, 3 of them up to date\n"


def test_a_failure_is_one_sentence(monkeypatch):
    monkeypatch.setattr(stages, "run_parallel", lambda commands, at_a_time: [0, 1][: len(commands)])
    stages.reproduce()
    with pytest.raises(StridorError, match="finished stages are kept"):
        stages.run_stale("cells", GROUPS, {"train@a", "train@b"}, 2, lambda text: None)


def test_the_pipeline_ends_with_a_plain_repro(started):
    one = tiny_params()
    params = one.model_copy(update={"detectors": one.detectors | tiny_params("saw").detectors})
    saw = detector_stages(params)[1]
    assert saw == tuple(f"{stage}@saw" for stage in STAGES)
    run_pipeline(params, {"train@saw"}, jobs=2, print_line=lambda text: None)
    assert [line for _, batch in started for line, _ in batch] == [("repro", "--single-item", *saw), ("repro",)]
    started.clear()
    # One at a time is what DVC does by itself.
    run_pipeline(params, {"train@saw"}, jobs=1)
    assert [line for _, batch in started for line, _ in batch] == [("repro",)]
    said = []
    run_pipeline(params, set(), jobs=2, print_line=said.append)
    assert (len(started), said) == (1, ["Everything is up to date."])
