"""A disk that is full or slow, for one process and without any rights: `python faults.py FAULT MODULE ARGUMENT...`.

The fault is `writes N`: from its N-th write on, everything that Python writes below the working directory fails with
ENOSPC, as on a full disk; or `size N`: no file may grow beyond N bytes (`RLIMIT_FSIZE`), which the libraries that write
by themselves meet as well: libsndfile, PyTorch, SQLite. Or it is `slow N`: each write there takes N milliseconds more.
"""

import builtins
import errno
import io
import os
import resource
import runpy
import shutil
import sys
import time
from pathlib import Path
from typing import IO, Any

_open = io.open


class _Disk:
    """How many writes a disk takes until it is full."""

    left = sys.maxsize
    delay_s = 0.0
    root = Path()


class _File(io.FileIO):
    """A file on that disk."""

    def write(self, content: Any) -> int:
        if _Disk.left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.name)
        _Disk.left -= 1
        time.sleep(_Disk.delay_s)
        return super().write(content)


def _open_on_disk(
    file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None, errors: str | None = None,
    newline: str | None = None, closefd: bool = True, opener: Any = None,
) -> IO[Any]:  # fmt: skip
    # What is not below the working directory lies on another disk.
    if (
        not isinstance(file, int)
        and set(mode) & set("wax+")
        and Path(os.fsdecode(file)).resolve().is_relative_to(_Disk.root)
    ):
        raw = _File(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, encoding, errors, newline, line_buffering=buffering == 1)
    return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)


def apply(fault: str) -> None:
    """Let this process meet a fault from now on."""
    kind, _, number = fault.partition(" ")
    if kind in ("writes", "slow"):
        if kind == "writes":
            _Disk.left = int(number) - 1
        else:
            _Disk.delay_s = int(number) / 1000
        _Disk.root = Path.cwd()
        builtins.open = io.open = _open_on_disk  # type: ignore[assignment]
        # Copies would be made by the kernel, past this.
        shutil._USE_CP_SENDFILE = False  # type: ignore[attr-defined]
    elif kind == "size":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), resource.RLIM_INFINITY))


def main(fault: str, module: str, *arguments: str) -> None:
    """Run a module under a fault."""
    apply(fault)
    sys.argv = ["-m", *arguments]
    if not hasattr(sys.modules.get(module), "__path__"):
        sys.modules.pop(module, None)  # run anew, as __main__
    runpy.run_module(module, run_name="__main__", alter_sys=True)
