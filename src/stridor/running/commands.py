"""Commands that run beside each other, none of which outlives this process."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from stridor.tracking.stopping import sigterm_as_exit

# For a training to end its run; what hangs is killed.
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Command:
    """A command line and what it has in its environment beside ours.

    Attributes
    ----------
    line : tuple of str
    environment : mapping of str to str
    """

    line: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def run_together(commands: Sequence[Command]) -> list[int]:
    """Start commands, wait until all have ended, and return their exit codes.

    Ctrl-C or SIGTERM here stops them, and all that they have started, before it ends the caller.
    """
    running: list[subprocess.Popen[bytes]] = []
    with sigterm_as_exit(), _interrupts_handed_on():
        try:
            for command in commands:
                # In a group of its own each can be stopped together with the stage that DVC runs.
                running.append(subprocess.Popen(command.line, env=os.environ | command.environment, process_group=0))
            return [process.wait() for process in running]
        except BaseException:
            _stop(running)
            raise


@contextmanager
def _interrupts_handed_on() -> Iterator[None]:
    """Have what we start listen to SIGINT, by which we stop it, also if we ourselves were told to ignore it.

    A shell does so to what it runs in the background, and its children would inherit it.
    """
    before = signal.getsignal(signal.SIGINT)
    if before != signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return
    # A function is not inherited: what is started gets the default.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    # As the terminal's Ctrl-C: DVC leaves it to its stage, which ends its run.
    for process in processes:
        _signal(process, signal.SIGINT)
    end = time.monotonic() + PATIENCE_S
    for process in processes:
        try:
            process.wait(max(end - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)
            process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)
