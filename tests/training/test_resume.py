"""State of an unfinished training."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
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


@pytest.mark.parametrize("before", [None, "other inputs"])
def test_processes_that_train_together_share_the_folder(monkeypatch, before):
    if before:
        ResumeFolder(Path("resume"), before).save({"epoch": 1})
    made = Path.mkdir

    def slowly(self, *options, **more):
        made(self, *options, **more)
        time.sleep(0.02)

    monkeypatch.setattr(Path, "mkdir", slowly)
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: ResumeFolder(Path("resume"), "same"), range(4)))
    assert folders[0].load() is None
    folders[0].save({"epoch": 2})
    assert ResumeFolder(Path("resume"), "same").load() == {"epoch": 2}
    assert [path.name for path in Path().iterdir()] == ["resume"]


def test_nothing_is_left_after_the_end():
    resume = ResumeFolder(Path("a/b"), "x")
    resume.save({"epochs": []})
    resume.remove()
    assert not Path("a/b").exists()
