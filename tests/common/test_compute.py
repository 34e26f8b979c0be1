"""Threads of a process, tried in processes of their own, and how many processes at a time."""

import os
import subprocess
import sys

import pytest
import torch

from stridor.common import compute
from stridor.common.compute import THREADS, cores, processes_at_a_time, threads_of_each
from stridor.common.errors import StridorError

# What is loaded before and after the number is settled must both keep to it.
SCRIPT = """
import os, sys
import numpy
if sys.argv[2] == "before":
    import torch
from stridor.common.compute import set_threads
set_threads(sys.argv[1] if sys.argv[1] == "auto" else int(sys.argv[1]))
import torch
from threadpoolctl import threadpool_info
numpy.ones((300, 300)) @ numpy.ones((300, 300))
torch.ones(300, 300) @ torch.ones(300, 300)
print(torch.get_num_threads(), max(pool["num_threads"] for pool in threadpool_info()), os.environ["OMP_NUM_THREADS"])
"""


def settled(threads, when="before", **environment):
    bare = {name: value for name, value in os.environ.items() if name != THREADS}
    line = [sys.executable, "-c", SCRIPT, threads, when]
    done = subprocess.run(line, env=bare | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [int(number) for number in done.stdout.split()]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_library_takes_as_many_threads_as_params_say(when):
    assert settled("1", when) == [1, 1, 1]
    # Whatever the one who started the process wanted.
    assert settled("1", when, OMP_NUM_THREADS="3") == [1, 1, 1]


@pytest.mark.slow
def test_auto_leaves_it_to_the_environment_or_takes_all_cores():
    assert settled("auto", "after", OMP_NUM_THREADS="1") == [1, 1, 1]
    assert settled("auto", "after")[2] == cores()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_cores_are_those_that_the_process_may_use():
    allowed = os.sched_getaffinity(0)
    assert cores() == len(allowed)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(("threads", "at_a_time"), [("auto", 1), (1, 8), (3, 2), (8, 1), (9, 1)])
def test_there_are_as_many_as_there_are_cores_for(monkeypatch, threads, at_a_time):
    monkeypatch.setattr(compute, "cores", lambda: 8)
    assert processes_at_a_time(threads, "cpu") == at_a_time


@pytest.mark.parametrize(("threads", "processes", "each"), [("auto", 2, 4), ("auto", 9, 1), (3, 2, 3), (1, 8, 1)])
def test_several_processes_share_the_cores_unless_params_say_a_number(monkeypatch, threads, processes, each):
    monkeypatch.setattr(compute, "cores", lambda: 8)
    assert threads_of_each(threads, processes) == each


def test_a_gpu_has_one(monkeypatch):
    monkeypatch.setattr(compute, "cores", lambda: 8)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert processes_at_a_time(1, "auto") == 1
    assert processes_at_a_time(1, "cpu") == 8


def test_an_accelerator_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StridorError, match=r"compute\.accelerator is 'cuda', which this machine does not have"):
        processes_at_a_time(1, "cuda")


def test_an_absent_accelerator_and_nodes_without_a_launcher_are_refused_before_any_work(monkeypatch):
    from stridor.common import compute

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StridorError, match=r"compute\.accelerator is 'cuda'"):
        compute.check_compute("cuda", 1)
    for name in compute._LAUNCHERS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StridorError, match=r"compute\.num_nodes is 3"):
        compute.check_compute("cpu", 3)
    monkeypatch.setenv("SLURM_PROCID", "0")
    compute.check_compute("cpu", 3)
