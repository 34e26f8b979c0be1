"""Killing a command at random moments, and what must be true after the next call.

A `Scene` is a project that is put back before every kill, at the same place. The command runs once undisturbed; its
duration is what the moments are spread over, and its outcome is what a killed and repeated command must reach.

Most kills hit a command whose Python is forked (`forked_python`): a start takes nothing there, so that the moments fall
into the work and not into imports. Then everything that the command has started is killed at once, as when a container
ends. Every fifth kill hits real interpreters, and only the command's own process group, as `kill -9` does: what it has
started must end by itself, while the next call begins as soon as an interpreter could.
"""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from forked_python import ForkedPython

ROOT = Path(__file__).resolve().parents[2]
# How many kills of each kind.
KILLS = int(os.environ.get("STRIDOR_HARD_KILLS", "20"))
MARK = "STRIDOR_HARD_MARK"
# A limit for what hangs; a busy machine takes minutes.
TIMEOUT_S = 900
# Time for what a killed command has started to notice that.
ORPHANS_S = 60
EVERY_REAL = 5
# What an interpreter takes at least until it has imported DVC or MLflow.
START_S = 2
# What writers call what is not whole; the last is SQLite's, of a transaction that was cut off.
HALF = (".tmp", ".part", ".partial", ".incomplete", ".db-journal")


def is_real(number: int) -> bool:
    """Tell whether a kill hits real interpreters."""
    return number % EVERY_REAL == EVERY_REAL - 1


@dataclass
class Scene:
    """A command in a project that is put back before every call.

    Attributes
    ----------
    template : Path
        The folder that is put back; the project is its folder `project`.
    place : Path
        Where it is put, as MLflow's store knows its files by absolute paths.
    arguments : sequence of str
        Of the interpreter.
    python : ForkedPython
    outcome : callable
        What a call has reached, of the project's root: equal for equal results.
    environment : mapping of str to str
    again : sequence of str, optional
        Of the interpreter, for the next call; by default the same once more.
    own_names : tuple of str
        Folders of the project in which every run has names of its own.
    """

    template: Path
    place: Path
    arguments: Sequence[str]
    python: ForkedPython
    outcome: Callable[[Path], object]
    environment: Mapping[str, str] = field(default_factory=dict)
    again: Sequence[str] | None = None
    own_names: tuple[str, ...] = ("mlruns/", ".git/", ".dvc/tmp/")

    @property
    def root(self) -> Path:
        """The project's root."""
        return self.place / "project"

    @property
    def _said(self) -> Path:
        """What the calls print, on a disk that is not full."""
        return self.template.with_suffix(".said")

    def put_back(self) -> None:
        """Bring the project into the state before the call."""
        if self.place.exists():
            shutil.rmtree(self.place)
        self._said.unlink(missing_ok=True)
        # Times are kept, by which DVC tells what has changed.
        subprocess.run(["cp", "-a", self.template, self.place], check=True)

    def start(self, real: bool, again: bool = False) -> subprocess.Popen[bytes]:
        """Start the command in a process group of its own; `said` returns its output."""
        arguments = self.again if again and self.again else self.arguments
        interpreter = Path(sys.executable) if real else self.python.executable
        environment = {
            **os.environ, "PATH": f"{interpreter.parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}"
            f"{os.environ['PATH']}", MARK: str(self.place), "DVC_SITE_CACHE_DIR": str(self.place / "site"),
            **self.environment,
        }  # fmt: skip
        with open(self._said, "ab") as said:
            return subprocess.Popen(
                [interpreter, *arguments], cwd=self.root, env=environment, stdin=subprocess.DEVNULL, stdout=said,
                stderr=subprocess.STDOUT, process_group=0,
            )  # fmt: skip

    def finish(self, real: bool, again: bool = False) -> float:
        """Run the command to its end; return its duration in seconds."""
        started = time.monotonic()
        process = self.start(real, again)
        try:
            code = process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            code = "no end"
            self._kill_all(process)
        assert code == 0, f"exit code {code}\n{self.said()}"
        return time.monotonic() - started

    def said(self) -> str:
        """Return what the calls since `put_back` have printed."""
        return self._said.read_text(errors="replace")[-6000:]

    def kill(self, moment: float, real: bool) -> bool:
        """Start the command and kill it after so many seconds; return False if it had ended before."""
        process = self.start(real)
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        caught = process.poll() is None
        if real:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            self._kill_all(process)
        process.wait()
        if real:
            time.sleep(START_S)
        return caught

    def _kill_all(self, process: subprocess.Popen[bytes]) -> None:
        """Kill everything that calls have started."""
        while left := self.processes():
            for one in left:
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
        while self.python.jobs():  # which the clients' ends have killed
            time.sleep(0.01)

    def processes(self) -> list[int]:
        """Return the processes that calls have started and that have not ended."""
        wanted = f"{MARK}={self.place}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found

    def orphans(self) -> list[str]:
        """Return the command lines of the processes that are still there after a while."""
        end = time.monotonic() + ORPHANS_S
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.05)
        return [Path(f"/proc/{one}/cmdline").read_bytes().replace(b"\0", b" ").decode() for one in left]


class Killed:
    """Kills of one scene, compared with its undisturbed run.

    Parameters
    ----------
    scene : Scene
    seed : int
    """

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene, self.seed = scene, seed
        self._durations: dict[bool, float] = {}
        scene.put_back()
        self.before = scene.outcome(scene.root)
        self._durations[False] = scene.finish(False)
        if scene.again:
            scene.finish(False, again=True)
        self.after = scene.outcome(scene.root)
        self.names = names_below(scene)
        assert not (problems := problems_of(scene)), problems

    def duration(self, real: bool) -> float:
        """Return how long an undisturbed call takes."""
        if real not in self._durations:
            self.scene.put_back()
            self._durations[real] = self.scene.finish(real)
            if self.scene.again:
                self.scene.finish(False, again=True)
            found = self.scene.outcome(self.scene.root)
            assert found == self.after, difference(found, self.after)
        return self._durations[real]

    def moment(self, number: int) -> float:
        """Return when the kill of this number happens, as a share of the duration: one in each of equal parts."""
        return (number + random.Random(f"{self.seed} {self.scene.place.name} {number}").random()) / KILLS

    def kill(self, number: int) -> str:
        """Put the project back and kill the command; return when, to print."""
        real = is_real(number)
        moment = self.moment(number) * self.duration(real)
        for _ in range(8):
            self.scene.put_back()
            if self.scene.kill(moment, real):
                break
            moment *= 0.7  # it was faster than the undisturbed call
        else:
            raise AssertionError("it always ended before it was to be killed")
        when = f"kill {number} after {moment:.2f} s of {self._durations[real]:.2f} s, {'real' if real else 'forked'}"
        print(when)
        return when

    def check(self, number: int) -> None:
        """Kill the command, call it again, and check what that has reached."""
        when = self.kill(number)
        self.call_again()
        self.check_outcome(when)

    def call_again(self) -> None:
        """Make the next call."""
        self.scene.finish(False, again=True)

    def check_outcome(self, when: str) -> None:
        """Check that all is as after an undisturbed call."""
        scene = self.scene
        orphans = scene.orphans()
        assert not orphans, f"{when}: still there: {orphans}"
        found = scene.outcome(scene.root)
        assert found == self.after, f"{when}: {difference(found, self.after)}\n{scene.said()}"
        left = sorted(names_below(scene) - self.names)
        assert not left, f"{when}: left behind: {left}\n{scene.said()}"
        problems = problems_of(scene)
        assert not problems, f"{when}: {problems}\n{scene.said()}"


def difference(found: object, wanted: object) -> list[object]:
    """Return what differs between two outcomes."""
    if not isinstance(found, dict) or not isinstance(wanted, dict):
        return [found, wanted]
    names = sorted({*found, *wanted})
    return [(name, found.get(name), wanted.get(name)) for name in names if found.get(name) != wanted.get(name)]


def content(root: Path, *names: str) -> dict[str, str]:
    """Return the digests of files, and of all files below folders, by path."""
    found = {}
    for name in names:
        for path in (root / name, *sorted((root / name).rglob("*"))):
            if path.is_file():
                found[path.relative_to(root).as_posix()] = hashlib.md5(path.read_bytes()).hexdigest()
    return found


def names_below(scene: Scene) -> set[str]:
    """Return the names of all files and folders of a scene, but those that are called otherwise in every run.

    DVC's cache may hold more than after an undisturbed run, such as the lists of folders that a stage depends on, when
    its outputs were taken from the cache; everything there is named after its content.
    """
    found = {path.relative_to(scene.place).as_posix() for path in scene.place.rglob("*")}
    own = tuple(f"project/{name}" for name in scene.own_names)
    return {name for name in found if not name.startswith((*own, "site/")) and not _is_kept_by_content(scene, name)}


def _is_kept_by_content(scene: Scene, name: str) -> bool:
    if not re.fullmatch(r"project/\.dvc/cache/(files/md5/)?[0-9a-f]{2}(/[0-9a-f]{30}(\.dir)?)?", name):
        return False
    path = scene.place / name
    return path.is_dir() or hashlib.md5(path.read_bytes()).hexdigest() == path.parent.name + path.name.removesuffix(
        ".dir"
    )


def problems_of(scene: Scene) -> list[str]:
    """Return what is wrong with locks and databases of a project in which nothing runs."""
    root = scene.root
    problems = []
    table = root / ".dvc/tmp/rwlock"
    if table.exists() and (locks := {kind: who for kind, who in json.loads(table.read_text()).items() if who}):
        problems.append(f"locks: {locks}")
    half = [path for path in scene.place.rglob("*") if ".unfinished-" in path.name or path.suffix in HALF]
    if half:
        problems.append(f"half files: {half}")
    for database in root.glob("*.db"):
        with closing(sqlite3.connect(database)) as connection:
            said = connection.execute("PRAGMA integrity_check").fetchall()
            if said != [("ok",)]:
                problems.append(f"{database.name}: {said}")
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "runs" in tables:
                running = connection.execute("SELECT name, run_uuid FROM runs WHERE status = 'RUNNING'").fetchall()
                if running:
                    problems.append(f"runs that never end: {running}")
            if "trials" in tables:
                running = connection.execute("SELECT number FROM trials WHERE state = 'RUNNING'").fetchall()
                if running:
                    problems.append(f"trials that never end: {running}")
    return problems
