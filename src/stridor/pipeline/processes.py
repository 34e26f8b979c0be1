"""Run commands in parallel, none of which outlives this process."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from stridor.common.dvc import dvc_environment
from stridor.common.interrupts import stop_signals_as_exceptions
from stridor.common.processes import die_with_parent

POLL_INTERVAL_S = 0.05
# Time for a training to end its run; afterwards the process is killed.
STOP_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Command:
    """A command line, often of DVC, and its additional environment variables.

    Attributes
    ----------
    line : tuple of str
    environment : mapping of str to str
    after : tuple of int
        Numbers of the commands that have to end well before it starts.
    """

    line: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    after: tuple[int, ...] = ()


def run_parallel(commands: Sequence[Command], at_a_time: int = 1) -> list[int]:
    """Run commands, `at_a_time` of them in parallel, the first that may start before others; return their exit codes.

    A failed command does not keep the others from running, but for those that come after it, which get its code.
    Ctrl-C, SIGTERM or SIGHUP stops the running commands and all processes that they have started before it ends the
    caller; if the caller is killed, they get SIGTERM.
    """
    running: dict[int, subprocess.Popen[bytes]] = {}
    codes: dict[int, int] = {}
    environment = dvc_environment()
    with stop_signals_as_exceptions(), _children_accept_interrupts():
        try:
            waiting = dict(enumerate(commands))
            while waiting:
                number = _next(waiting, codes)
                if number is None:
                    _wait_until_fewer(running, len(running), codes)
                    continue
                command = waiting.pop(number)
                if failed := [codes[before] for before in command.after if codes[before]]:
                    codes[number] = failed[0]
                    continue
                # In its own process group, a command can be stopped together with the stage that DVC runs.
                running[number] = subprocess.Popen(
                    command.line, env={**environment, **command.environment}, process_group=0,
                    preexec_fn=partial(die_with_parent, os.getpid()),
                )  # fmt: skip
                _wait_until_fewer(running, at_a_time, codes)
            _wait_until_fewer(running, 1, codes)
        except BaseException:
            _stop(list(running.values()))
            raise
    return [codes[number] for number in range(len(commands))]


def _next(waiting: Mapping[int, Command], codes: Mapping[int, int]) -> int | None:
    """Return the number of the first command that comes after none which has not ended; None if all have to wait."""
    return next((number for number, command in waiting.items() if all(one in codes for one in command.after)), None)


def _wait_until_fewer(running: dict[int, subprocess.Popen[bytes]], limit: int, codes: dict[int, int]) -> None:
    """Wait until fewer than `limit` processes run; move the exit codes of ended ones to `codes`."""
    while True:
        for number in [number for number, process in running.items() if process.poll() is not None]:
            codes[number] = running.pop(number).returncode
        if len(running) < limit:
            return
        time.sleep(POLL_INTERVAL_S)


@contextmanager
def _children_accept_interrupts() -> Iterator[None]:
    """Let started processes receive SIGINT, by which they are stopped, even if this process ignores it.

    A shell makes background processes ignore SIGINT, and their children inherit this.
    """
    before = signal.getsignal(signal.SIGINT)
    if before != signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return
    # A handler is not inherited: started processes get the default.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    # Like Ctrl-C in a terminal: DVC lets its stage handle it, which ends its MLflow run.
    for process in processes:
        _signal(process, signal.SIGINT)
    end = time.monotonic() + STOP_TIMEOUT_S
    for process in processes:
        try:
            process.wait(max(end - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)
            process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)
