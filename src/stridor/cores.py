"""Cores that there are, and threads that a process takes."""

import os
import sys

from stridor.records import ComputeParams

# What OpenMP and the linear algebra of NumPy and PyTorch ask when they are loaded.
THREADS = "OMP_NUM_THREADS"


def cores() -> int:
    """Return the number of cores that this process may use."""
    # A container or a batch system often leaves us only some of the machine's.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def settle_threads(compute: ComputeParams) -> None:
    """Let this process, and those that it starts, compute on `compute.threads` threads.

    The number decides the order of additions, and with it the last digits of weights and scores at near ties. With
    "auto" it is what OMP_NUM_THREADS says, else every core.
    """
    if compute.threads == "auto":
        os.environ.setdefault(THREADS, str(cores()))
        return
    from threadpoolctl import threadpool_limits

    os.environ[THREADS] = str(compute.threads)
    # Those that are loaded do not ask again.
    threadpool_limits(compute.threads)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(compute.threads)
