"""Which process did something, whether it still lives, and ending with the process that waits for us."""

import ctypes
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

_PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1
_SHELLS = ("sh", "bash", "dash", "zsh", "fish", "ksh")
_ADOPTERS = ("systemd", "init", "tini", "dumb-init", "docker-init", "catatonit")
# How soon a process notices that nobody waits for it any more.
WATCH_INTERVAL_S = 1.0


def process_mark() -> str:
    """Return what tells this process from all others, those with the same number after it or a reboot among them."""
    return f"{host_mark()}:{os.getpid()}:{start_of(os.getpid())}"


def host_mark() -> str:
    """Return the name of the host; of a container, with its space of process numbers."""
    try:
        space = os.readlink(_PROC / "self/ns/pid").strip("pid:[]")
    except OSError:
        space = "0"
    return f"{socket.gethostname()}-{space}"


def is_gone(mark: str) -> bool:
    """Tell whether a marked process has certainly ended; of another host's, nothing is certain."""
    host, _, rest = mark.partition(":")
    number, _, start = rest.partition(":")
    return host == host_mark() and number.isdecimal() and start_of(int(number)) != start


def start_of(process: int) -> str:
    """Return the boot and the tick in which a process started; empty if there is none, or it has ended."""
    try:
        # The name, in parentheses, may hold anything.
        fields = (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
        boot = (_PROC / "sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return "" if _PROC.joinpath("self").exists() else _start_elsewhere(process)
    return "" if fields[0] in "ZX" else f"{boot}-{fields[19]}"


def die_with_parent(parent: int) -> None:
    """Have the kernel send SIGTERM to this process when its parent ends, where there is such a kernel.

    Parameters
    ----------
    parent : int
        Number of the parent, which may have ended already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)


def end_with(processes: list[int]) -> None:
    """Send SIGTERM to this process as soon as one of some others has ended, whoever that was, or if one had before."""
    starts = {process: start_of(process) for process in processes}

    def watch() -> None:
        while all(start and start_of(process) == start for process, start in starts.items()):
            time.sleep(WATCH_INTERVAL_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="watch the caller", daemon=True).start()


def callers() -> list[int]:
    """Return the parent, and if that is a shell which waits for us alone, its parent as well.

    None of them if the caller has ended already: whoever has adopted this process then does not wait for it.
    """
    parent = os.getppid()
    try:
        if _name_of(parent) not in _SHELLS:
            found = [parent]
        else:
            found = [parent, int((_PROC / str(parent) / "stat").read_text().rpartition(")")[2].split()[1])]
        return [] if _adopts(found[-1]) else found
    except (OSError, IndexError):
        return [parent]


def _name_of(process: int) -> str:
    return (_PROC / str(process) / "comm").read_text().strip()


def _adopts(process: int) -> bool:
    """Tell whether a process is the one that orphans fall to; in a container, the first process may be DVC itself."""
    name = _name_of(process)
    return name in _ADOPTERS or (process == 1 and not name.startswith(("python", "dvc")))


def _start_elsewhere(process: int) -> str:
    import psutil

    try:
        return str(psutil.Process(process).create_time())
    except psutil.Error:
        return ""
