"""Faults made on purpose, one for each kind, by which the harness itself is tested."""

import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

from fuzzing.subject import Subject
from stridor.common.errors import StridorError

KINDS = (
    "works", "refused", "traceback", "segmentation fault", "exit", "endless", "hang", "hang in C", "memory",
    "written outside", "deleted outside", "temporary file", "code", "two lines", "no name", "no full stop", "printed",
    "warned",
)  # fmt: skip


class Planted(Subject):
    """The case's number chooses the fault."""

    seconds, wall_seconds = 2.0, 5.0
    megabytes = 100.0

    def write(self, rng: random.Random, folder: Path) -> None:
        """Write what the case's number stands for."""
        (folder / "odd.txt").write_text(KINDS[self.case % len(KINDS)])

    def names(self, folder: Path) -> tuple[str, ...]:
        """Return the file's name."""
        return ("odd.txt",)

    def check(self, rng: random.Random, folder: Path) -> None:
        """Do what the file says."""
        kind, outside = (folder / "odd.txt").read_text(), self.sandbox.outside
        if kind == "refused":
            raise StridorError("odd.txt is refused.")
        if kind == "traceback":
            raise KeyError("no such thing")
        if kind == "segmentation fault":
            os.kill(os.getpid(), signal.SIGSEGV)
        if kind == "exit":
            os._exit(3)
        while kind == "endless":
            pass
        if kind == "hang":
            time.sleep(60)
        if kind == "hang in C":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGPROF})
            time.sleep(60)
        if kind == "memory":
            bytearray(b"x") * (200 * 2**20)
        if kind == "written outside":
            (outside / "new").touch()
        if kind == "deleted outside":
            (outside / "victim").unlink()
        if kind == "temporary file":
            (self.sandbox.temporary / "left").touch()
        if kind == "code":
            os.system(f"touch '{self.sandbox.canary}'")
        if kind == "two lines":
            raise _Unshown("odd.txt is\nrefused.")
        if kind == "no name":
            raise StridorError("It is refused.")
        if kind == "no full stop":
            raise StridorError("odd.txt is refused")
        if kind == "printed":
            print("noise", file=sys.stderr)
        if kind == "warned":
            warnings.warn("something is odd", stacklevel=1)


class _Unshown(StridorError):
    def __str__(self) -> str:
        return "odd.txt is\nrefused."
