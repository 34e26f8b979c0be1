"""How many trainings at a time."""

import pytest
import torch

from stridor.common import compute as capacity
from stridor.common.compute import processes_at_a_time
from stridor.common.errors import StridorError
from stridor.params.sections import ComputeParams


@pytest.mark.parametrize(("threads", "at_a_time"), [("auto", 1), (1, 8), (3, 2), (8, 1), (9, 1)])
def test_there_are_as_many_as_there_are_cores_for(monkeypatch, threads, at_a_time):
    monkeypatch.setattr(capacity, "cores", lambda: 8)
    assert processes_at_a_time(ComputeParams(threads=threads, accelerator="cpu")) == at_a_time


def test_a_gpu_has_one(monkeypatch):
    monkeypatch.setattr(capacity, "cores", lambda: 8)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert processes_at_a_time(ComputeParams(threads=1)) == 1
    assert processes_at_a_time(ComputeParams(threads=1, accelerator="cpu")) == 8


def test_an_accelerator_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StridorError, match=r"compute\.accelerator is 'cuda', which this machine has not"):
        processes_at_a_time(ComputeParams(threads=1, accelerator="cuda"))
