"""Tasks on a Ray cluster: submitting them and collecting what they return. Ray decides where and when one runs."""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from stridor.common.errors import StridorError, need_extra
from stridor.common.interrupts import stop_signals_as_exceptions
from stridor.params.sections import ComputeParams

# How long a host may take to answer.
_ANSWER_S = 10.0


@dataclass(frozen=True)
class Resources:
    """What Ray reserves for each task.

    Attributes
    ----------
    cpus : int
        Threads, which are `compute.threads`.
    gpus : int
    """

    cpus: int
    gpus: int = 0

    @classmethod
    def of(cls, compute: ComputeParams) -> "Resources":
        """Return those of one detector.

        Raises
        ------
        StridorError
            If the number of threads is open: nodes of other sizes would give other last digits.
        """
        if compute.threads == "auto":
            raise StridorError(
                "compute.threads is auto, but Ray has to know how many cores each detector takes; set it to a number."
            )
        devices = 1 if compute.devices == "auto" else compute.devices
        return cls(compute.threads, devices if compute.accelerator == "cuda" else 0)


@contextmanager
def cluster(address: str, resources: Resources) -> Iterator[None]:
    """Connect to a Ray cluster.

    Parameters
    ----------
    address : str
        HOST:PORT of its head, of which this host must be a node; ray://HOST:PORT; or auto, for a cluster of this host.
    resources : Resources
        Which at least one node must have.

    Raises
    ------
    StridorError
        If Ray is not installed, nobody answers, or no node is large enough.
    """
    need_extra("cluster", "ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    try:
        _check_answers(address)
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split()).split(". ")[0].rstrip(".")
        raise StridorError(
            f"The Ray cluster {address} cannot be used ({reason}); start a node on this host by 'ray start', or give "
            "the address of another cluster."
        ) from None
    try:
        if not any(_fits(node.get("Resources", {}), resources) for node in ray.nodes() if node["Alive"]):
            raise StridorError(
                f"No node of the Ray cluster has {resources.cpus} cores and {resources.gpus} GPUs, which a detector "
                "takes by compute.threads and compute.devices; lower these or add a larger node."
            )
        yield
    finally:
        ray.shutdown()


def run_tasks(
    function: Callable[..., Any],
    arguments: Mapping[str, tuple[Any, ...]],
    resources: Resources,
    on_end: Callable[[str, Any], None],
) -> dict[str, str]:
    """Run a function for each of some names on the nodes; return the reasons of those that failed.

    A task whose node is lost is started again on another one.

    Parameters
    ----------
    function : callable
        Importable on the nodes.
    arguments : mapping of str to tuple
        Of each call, by name. Those that `shared` has made travel once to each node.
    on_end : callable
        Called with the name and the returned value when a task has ended well.
    """
    import ray

    remote = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus, max_retries=3)(function)
    with stop_signals_as_exceptions():
        pending = {remote.remote(*given): name for name, given in arguments.items()}
        failed: dict[str, str] = {}
        try:
            while pending:
                [ended], _ = ray.wait(list(pending), num_returns=1)
                name = pending.pop(ended)
                try:
                    on_end(name, ray.get(ended))
                except ray.exceptions.RayTaskError as error:
                    if not isinstance(error.cause, StridorError):
                        raise
                    failed[name] = str(error.cause)
                except ray.exceptions.RayError as error:
                    failed[name] = " ".join(str(error).split()).split(". ")[0]
        finally:
            for reference in pending:
                ray.cancel(reference, force=True)
    return failed


def shared(value: Any) -> Any:
    """Return a stand-in for a large value that is an argument of many tasks."""
    import ray

    return ray.put(value)


def _check_answers(address: str) -> None:
    """Raise an OSError where nobody listens, for which Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()


def _fits(node: Mapping[str, float], resources: Resources) -> bool:
    return node.get("CPU", 0) >= resources.cpus and node.get("GPU", 0) >= resources.gpus
