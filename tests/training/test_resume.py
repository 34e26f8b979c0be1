"""State of an unfinished training."""

from pathlib import Path

import torch

from stridor.training.resume import ResumeFolder


def test_state_and_run_id_survive_for_the_same_inputs_only():
    folder = Path("resume")
    first = ResumeFolder(folder, "inputs")
    assert first.load() is None
    assert first.run_id is None
    first.run_id = "abc"
    first.save({"epochs": [1, 2], "weights": torch.ones(2)})
    again = ResumeFolder(folder, "inputs")
    assert again.run_id == "abc"
    assert again.load()["epochs"] == [1, 2]
    other = ResumeFolder(folder, "other inputs")
    assert other.load() is None
    assert other.run_id is None


def test_nothing_is_left_after_the_end():
    resume = ResumeFolder(Path("a/b"), "x")
    resume.save({"epochs": []})
    resume.remove()
    assert not Path("a/b").exists()
