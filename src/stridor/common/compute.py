"""Cores, threads and the device that a process computes on."""

import os
import sys
from typing import TYPE_CHECKING, Literal

from stridor.common.errors import StridorError

if TYPE_CHECKING:
    import torch

# What OpenMP and the linear algebra of NumPy and PyTorch read when they are loaded.
THREADS = "OMP_NUM_THREADS"
# Set by what starts a process on every node.
_LAUNCHERS = frozenset({"SLURM_PROCID", "NODE_RANK", "GROUP_RANK", "MASTER_ADDR", "OMPI_COMM_WORLD_RANK", "LSB_JOBID"})


def cores() -> int:
    """Return the number of cores that this process may use."""
    # A container or a batch system often gives a process only some of the machine's.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(threads: int | Literal["auto"]) -> None:
    """Let this process, and those that it starts, compute on a number of threads (`compute.threads`).

    The number decides the order of additions, and with it the last digits of weights and scores at near ties. With
    "auto" it is what OMP_NUM_THREADS says, else every core.
    """
    if threads == "auto":
        os.environ.setdefault(THREADS, str(cores()))
        return
    from threadpoolctl import threadpool_limits

    os.environ[THREADS] = str(threads)
    # Libraries that are already loaded do not read the variable again.
    threadpool_limits(threads)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)


def threads_of_each(threads: int | Literal["auto"], processes: int) -> int:
    """Return the threads of each of several processes: `compute.threads`, or with "auto" its share of the cores."""
    return max(cores() // processes, 1) if threads == "auto" else threads


def device_for(accelerator: str) -> "torch.device":
    """Return the requested device (`compute.accelerator`); "auto" takes an available accelerator, else the CPU.

    Raises
    ------
    StridorError
        If the requested accelerator is not available.
    """
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if accelerator == "auto":
        accelerator = next((name for name in ("cuda", "mps") if available[name]), "cpu")
    if not available[accelerator]:
        raise StridorError(
            f"compute.accelerator is '{accelerator}', which this machine does not have; set it to auto or cpu."
        )
    return torch.device(accelerator)


def check_compute(accelerator: str, num_nodes: int) -> None:
    """Fail before any work where this machine cannot do what `compute` in params.yaml asks for.

    Raises
    ------
    StridorError
        If the accelerator asked for is not there, or several nodes are, but nothing that launches the others.
    """
    if accelerator not in ("auto", "cpu"):
        device_for(accelerator)
    # Without one of these the first node waits for the others in silence.
    if num_nodes > 1 and not _LAUNCHERS & os.environ.keys():
        raise StridorError(
            f"compute.num_nodes is {num_nodes}, but this process was not started as one of several; start it by SLURM, "
            "torchrun or MPI on every node, or set compute.num_nodes to 1."
        )


def processes_at_a_time(threads: int | Literal["auto"], accelerator: str) -> int:
    """Return how many trainings there are cores for; one on a GPU, or where each takes all cores."""
    if threads == "auto" or device_for(accelerator).type != "cpu":
        return 1
    return max(cores() // threads, 1)
