"""The folder that a subject works in, and what of the process and of the disk is watched while it does."""

import os
import resource
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from stridor.common.text import printable

# A message that is longer hides what it says.
LONGEST_SENTENCE = 2010
# What a process may take beyond what it had when it was ready. A check has a smaller limit of its own.
_ADDRESS_SPACE = 6 * 2**30
_LARGEST_FILE = 2**30


class Wrong(Exception):
    """What a mutated input may not lead to."""


class TookTooLong(BaseException):
    """Not an Exception, so that nothing takes it for a damaged file."""


def check_sentence(sentence: str, names: tuple[str, ...]) -> None:
    """Raise Wrong unless a message is one printable line that ends with a full stop and has one of the names."""
    if not sentence.strip():
        raise Wrong("the message is empty")
    if sentence != printable(sentence):
        raise Wrong(f"the message is not one printable line: {sentence[:300]!r}")
    if len(sentence) > LONGEST_SENTENCE:
        raise Wrong(f"the message has {len(sentence)} characters: {sentence[:300]!r}")
    if not sentence.endswith("."):
        raise Wrong(f"the message does not end with a full stop: {sentence[-300:]!r}")
    if "Traceback" in sentence or " ()" in sentence:
        raise Wrong(f"the message holds a traceback or an empty reason: {sentence[:300]!r}")
    if not any(name in sentence for name in names):
        raise Wrong(f"the message names neither file nor field ({', '.join(names)}): {sentence[:300]!r}")


class Sandbox:
    """A folder with a place for the input, things outside of it that must stay as they are, and a canary.

    Attributes
    ----------
    case : Path
        Holds the input; the working directory while it is checked.
    outside : Path
        Holds files that nobody may touch; mutations name it.
    canary : Path
        Is written only by code in an input.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.case, self.outside = self.root / "work" / "case", self.root / "outside"
        self.canary, self.temporary, self.noise = (self.root / name for name in ("canary", "temporary", "noise"))
        for folder in (self.case, self.outside / "folder", self.temporary):
            folder.mkdir(parents=True, exist_ok=True)
        for name in ("victim", "victim.wav", "folder/victim"):
            (self.outside / name).write_text(f"the content of {name}\n")
        self.noise.touch()

    def enter(self) -> int:
        """Make this process a careful one; return a descriptor of what was standard output."""
        answers = os.dup(1)
        noise = os.open(self.noise, os.O_WRONLY | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(noise, stream)
        os.close(noise)
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.temporary)
        os.environ["STRIDOR_CANARY"] = str(self.canary)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, _took_too_long)
        return answers

    def limit_memory(self) -> None:
        """Have a process that asks for far too much fail instead of the machine; call it once all is imported."""
        limit = _memory_bytes("VmSize") + _ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def empty(self) -> None:
        """Make a new empty place for the input."""
        os.chdir(self.root)
        shutil.rmtree(self.case)
        self.case.mkdir()
        os.chdir(self.case)

    @contextmanager
    def watched(self, seconds: float, wall_seconds: float, megabytes: float, names: tuple[str, ...]) -> Iterator[None]:
        """Raise Wrong for a block that takes too long or too much, writes elsewhere, or says anything but sentences.

        The first limit is of the processor's time, as the machine may be busy; the second finds what waits for ever.
        """
        before, noise = self._outside(), self.noise.stat().st_size
        Path("/proc/self/clear_refs").write_text("5")
        memory = _memory_bytes("VmRSS")
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            # Again and again: the first one may meet a callback from C, which loses it.
            signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
            signal.setitimer(signal.ITIMER_REAL, wall_seconds, 1.0)
            try:
                yield
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
                signal.setitimer(signal.ITIMER_REAL, 0)
        grown = (_memory_bytes("VmHWM") - memory) / 2**20
        if grown > megabytes:
            raise Wrong(f"it took {grown:.0f} MB of memory; at most {megabytes:.0f} MB were expected")
        for one in warned:
            check_sentence(str(one.message), names)
        sys.stdout.flush()
        sys.stderr.flush()
        if said := self.noise.read_bytes()[noise:]:
            raise Wrong(f"something was printed: {said[:500]!r}")
        if self.canary.exists():
            self.canary.unlink()
            raise Wrong("code in the input was run")
        if (after := self._outside()) != before:
            raise Wrong(f"something outside was written: {sorted(set(after.items()) ^ set(before.items()))[:6]}")

    def _outside(self) -> dict[str, tuple[int, ...]]:
        """Everything but the place of the input, with what changes when it is written to."""
        found = {}
        folders = [self.root]
        while folders:
            for entry in os.scandir(folders.pop()):
                state = entry.stat(follow_symlinks=False)
                # An access by a reader changes neither; a folder's time tells of what came and went.
                found[entry.path] = (state.st_mode, state.st_size, state.st_mtime_ns)
                if entry.is_dir(follow_symlinks=False) and entry.path != str(self.case):
                    folders.append(Path(entry.path))
        for name in (self.case, self.noise):
            found.pop(str(name), None)
        # Comes and goes with temporary files; what stays in it is seen.
        found.pop(str(self.temporary), None)
        return found


def _memory_bytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(name)


def _took_too_long(number: int, frame: FrameType | None) -> None:
    raise TookTooLong
