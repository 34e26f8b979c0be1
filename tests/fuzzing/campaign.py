"""Many inputs for one subject, checked by processes that may die of them."""

import json
import os
import re
import select
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

TESTS = Path(__file__).resolve().parents[1]
# Where inputs that fail are kept.
KEPT = TESTS.parent / "build" / "hard" / "fuzz"
_STARTING_SECONDS, _ANSWER_SECONDS = 300.0, 180.0
# More failures than these are seldom of other kinds.
_MOST_FAILURES = 100


@dataclass(frozen=True)
class Failure:
    """An input that led to something else than work or one sentence; `kept` is a copy of it."""

    case: int
    text: str
    kept: Path

    @property
    def kind(self) -> str:
        """What differs between kinds of failures, and not between cases."""
        return _kind_of((self.text.strip().splitlines() or [""])[-1])


@dataclass
class Report:
    """What came of the inputs of a subject."""

    subject: str
    seed: int
    counts: Counter = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    # Different sentences, with what differs between cases left out.
    sentences: Counter = field(default_factory=Counter)
    seconds: float = 0.0
    slowest: float = 0.0

    def text(self) -> str:
        """Return it for people."""
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        lines = [
            f"{self.subject}, seed {self.seed}: {counts}; {len(self.sentences)} kinds of sentences; "
            f"{self.seconds:.0f} s, the slowest input {self.slowest:.1f} s"
        ]
        # One of each kind is told, the others are kept.
        for kind, one in {one.kind: one for one in self.failures[::-1]}.items():
            alike = [other.case for other in self.failures if other.kind == kind][:10]
            again = f"python -m fuzzing {self.subject} --seed {self.seed} --case {one.case}"
            lines += [
                f"-- case {one.case} (alike: {alike}), kept in {one.kept}; again by '{again}' in tests/:",
                one.text,
            ]
        return "\n".join(lines)


def run(
    subject: str, cases: int, seed: int, workers: int = 2, answer_seconds: float = _ANSWER_SECONDS, keep: bool = True
) -> Report:
    """Check so many inputs of a subject.

    Parameters
    ----------
    subject : str
        As in `fuzzing.subjects`.
    cases : int
    seed : int
        Two runs with one seed check the same inputs.
    workers : int
        Processes at a time.
    answer_seconds : float
        After so long without an answer a process is ended.
    keep : bool
        Whether inputs that fail are copied into `KEPT`.
    """
    report, lock, numbers = Report(subject, seed), threading.Lock(), iter(range(cases))
    kept = KEPT / subject
    if keep:
        shutil.rmtree(kept, ignore_errors=True)
    start = time.monotonic()

    def take() -> Iterator[int]:
        while len(report.failures) < _MOST_FAILURES:
            with lock:
                case = next(numbers, None)
            if case is None:
                return
            yield case

    def work() -> None:
        with TemporaryDirectory(prefix="fuzz-") as folder:
            worker = _Worker(subject, seed, Path(folder), answer_seconds)
            try:
                for case in take():
                    kind, text, seconds = worker.ask(case)
                    if kind == "slow":
                        # The machine may have been busy with something else.
                        kind, text, seconds = worker.ask(case)
                        kind = "failed" if kind == "slow" else kind
                    with lock:
                        report.counts[kind] += 1
                        report.slowest = max(report.slowest, seconds)
                        if kind == "refused":
                            report.sentences[_kind_of(text)] += 1
                        if kind == "failed":
                            place = kept / str(case)
                            if keep:
                                _keep(Path(folder) / "work" / "case", place)
                            report.failures.append(Failure(case, text, place))
            finally:
                worker.end()

    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work) for _ in range(workers)]:
            done.result()
    report.seconds = time.monotonic() - start
    return report


class _Worker:
    """A process with a sandbox, started again when it dies."""

    def __init__(self, subject: str, seed: int, folder: Path, answer_seconds: float) -> None:
        self.command = [sys.executable, "-m", "fuzzing.worker", subject, str(seed), str(folder)]
        self.answer_seconds = answer_seconds
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, case: int) -> tuple[str, str, float]:
        """Return the kind of the outcome, its text and the seconds that it took."""
        if self.process is None:
            self.start()
        process = self.process
        assert process is not None
        assert process.stdin is not None
        start = time.monotonic()
        try:
            process.stdin.write(f"{case}\n".encode())
            process.stdin.flush()
            answer = self._answer(self.answer_seconds)
        except BrokenPipeError:
            answer = None
        if answer is not None:
            return answer["kind"], answer["text"], answer["seconds"]
        seconds = time.monotonic() - start
        with suppress(subprocess.TimeoutExpired):
            process.wait(30 if seconds < self.answer_seconds else 0)
        ended, said = process.poll(), self._said()
        self.end()
        if seconds >= self.answer_seconds:
            return "slow", f"it did not answer for {seconds:.0f} s, and could not be interrupted", seconds
        return "failed", f"the process ended with code {ended} (below 0 is the number of a signal); {said}", seconds

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        path = os.pathsep.join(filter(None, [str(TESTS.parent / "src"), str(TESTS), os.environ.get("PYTHONPATH")]))
        environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        self._left = b""
        if self._answer(_STARTING_SECONDS) is None:
            self.end()
            raise RuntimeError(f"{' '.join(self.command)} did not start: {self._said()}")

    def _said(self) -> str:
        noise = Path(self.command[-1]) / "noise"
        return noise.read_text(errors="replace")[-2000:] if noise.exists() else "it said nothing"

    def _answer(self, seconds: float) -> dict | None:
        """Return the next line; None at the end of the process, or of the time."""
        process, deadline = self.process, time.monotonic() + seconds
        assert process is not None
        assert process.stdout is not None
        while b"\n" not in self._left:
            ready, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
            block = os.read(process.stdout.fileno(), 2**16) if ready else b""
            if not block:
                return None
            self._left += block
        line, _, self._left = self._left.partition(b"\n")
        answer: dict = json.loads(line)
        return answer

    def end(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                assert stream is not None
                with suppress(BrokenPipeError):
                    stream.close()
            self.process = None


def _kind_of(sentence: str) -> str:
    return re.sub(r"'[^']*'|\d+|/\S+", "_", sentence)[:80]


def _keep(case: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    if case.is_dir():
        shutil.copytree(case, place, symlinks=True)
