"""Whose a trial is."""

import os
import socket

# The attribute of a trial that holds it.
WORKER = "worker"


def worker_id() -> str:
    """Return an identifier of this process, unique among all hosts."""
    return f"{socket.gethostname()}:{os.getpid()}"
