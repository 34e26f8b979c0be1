"""Commands that run beside each other, none of which outlives this process."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from stridor.common.interrupts import sigterm_as_exit

LOOK_S = 0.05
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


def run_together(commands: Sequence[Command], at_a_time: int = 1) -> list[int]:
    """Run commands, so many at a time, each as soon as there is room; return their exit codes.

    One that fails does not keep the others from running. Ctrl-C or SIGTERM here stops those that run, and all that
    they have started, before it ends the caller.
    """
    running: dict[int, subprocess.Popen[bytes]] = {}
    codes: dict[int, int] = {}
    with sigterm_as_exit(), _interrupts_handed_on():
        try:
            for number, command in enumerate(commands):
                # In a group of its own each can be stopped together with the stage that DVC runs.
                running[number] = subprocess.Popen(command.line, env=os.environ | command.environment, process_group=0)
                _wait_until_fewer(running, at_a_time, codes)
            _wait_until_fewer(running, 1, codes)
        except BaseException:
            _stop(list(running.values()))
            raise
    return [codes[number] for number in range(len(commands))]


def _wait_until_fewer(running: dict[int, subprocess.Popen[bytes]], limit: int, codes: dict[int, int]) -> None:
    """Wait until fewer than a number run, and move those that have ended to their exit codes."""
    while True:
        for number in [number for number, process in running.items() if process.poll() is not None]:
            codes[number] = running.pop(number).returncode
        if len(running) < limit:
            return
        time.sleep(LOOK_S)


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
