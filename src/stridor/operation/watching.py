"""Watching a folder: every recording is scored once, alarms are raised and told, and nothing of it is forgotten."""

import hashlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.operation.arrivals import Arrival, Arrivals
from stridor.operation.drift import Drift, drift_of, results_of, why_undefined
from stridor.operation.journal import Journal
from stridor.operation.messages import alarm_text
from stridor.serving.detector import Detector
from stridor.serving.listening import Failure
from stridor.serving.options import ScoringOptions
from stridor.serving.verdict import Verdict

# Files that are judged before others are looked for.
FILES_AT_A_TIME = 64
Draw = Callable[[Drift, Path], None]


@dataclass(frozen=True)
class Rules:
    """When a watch speaks.

    Attributes
    ----------
    alarm : (int, int)
        (k, n): an alarm is raised when k of the last n recordings are anomalous, and again only after it has ended.
    drift_days : float
        From one report on drift to the next.
    """

    alarm: tuple[int, int] = (1, 1)
    drift_days: float = 7.0


@dataclass
class _Memory:
    """What the lines that are written say."""

    known: dict[str, tuple[int, int, str]]
    flags: deque[bool]
    alarm: bool
    number: int
    first: datetime | None
    drift: datetime | None


class Watch:
    """A detector that listens to what appears in a folder.

    The lines of the journal are all that it remembers. A recording is scored and its line written, whole, before
    anything else is done with it, so that a watch that is killed at any moment neither loses nor repeats one. A
    `Teller`, which tells others, reads the same lines.

    Parameters
    ----------
    detector : Detector
    machine : str
    arrivals : Arrivals
    journal : Journal
    options : ScoringOptions
    rules : Rules
    show : callable
        Called with every verdict or failure.
    say : callable
        Called with lines on alarms and on drift.
    draw : callable, optional
        Draws a report on drift.
    clock : callable
        Returns the time, UTC.
    """

    def __init__(
        self, detector: Detector, machine: str, arrivals: Arrivals, journal: Journal,
        options: ScoringOptions = ScoringOptions(),  # noqa: B008, the record is frozen
        rules: Rules = Rules(),
        show: Callable[[Verdict | Failure], None] = lambda answer: None,
        say: Callable[[str], None] = lambda line: None,
        draw: Draw | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        self._detector, self._machine, self._arrivals, self._journal = detector, machine, arrivals, journal
        self._options, self._rules, self._show, self._say = options, rules, show, say
        self._draw, self._clock = draw, clock
        self._calibration = _digest(asdict(detector.references[machine].calibration))
        self._no_drift = why_undefined(detector.references[machine], options.condition)
        self._memory = self._remembered()
        if self._no_drift:
            say(f"drift is not reported: {self._no_drift}")

    def step(self) -> int:
        """Look into the folder once, judge what is complete, and do what is due; return the number of new lines.

        Raises
        ------
        StridorError
            If the folder cannot be read.
        """
        new = 0
        while some := self._arrivals.look(self._is_known)[:FILES_AT_A_TIME]:
            written = self._judge(some)
            new += written
            if not written:
                break
        self._report_drift()
        return new

    def _judge(self, arrivals: list[Arrival]) -> int:
        digests = [_md5(one) for one in arrivals]
        fresh = []
        for one, md5 in zip(arrivals, digests, strict=True):
            before = self._memory.known.get(one.name)
            if before is not None and before[2] == md5:
                # Its time was changed, and nothing else.
                self._memory.known[one.name] = (one.size, one.mtime_ns, md5)
            elif one.is_unchanged:
                fresh.append((one, md5))
        answers = self._detector.score_many([one.path for one, _ in fresh], self._machine, self._options)
        written = 0
        for (one, md5), answer in zip(fresh, answers, strict=True):
            # One that was changed meanwhile waits until it is complete again.
            if one.is_unchanged:
                self._write(one, md5, answer)
                self._show(answer)
                written += 1
        return written

    def _write(self, arrival: Arrival, md5: str, answer: Verdict | Failure) -> None:
        memory, now = self._memory, self._clock()
        entry: dict[str, Any] = {
            "event": "recording", "number": memory.number + 1, "time": now.isoformat(timespec="seconds"),
            "file": arrival.name, "size": arrival.size, "mtime_ns": arrival.mtime_ns, "md5": md5,
        }  # fmt: skip
        if isinstance(answer, Failure):
            entry |= {"error": answer.reason}
        else:
            count, among = self._rules.alarm
            flags = [*memory.flags, answer.anomalous][-among:]
            alarm = sum(flags) >= count
            entry |= asdict(answer) | {
                "calibration": self._calibration, "worst_second": answer.worst_second, "alarm": alarm,
                "raised": alarm and not memory.alarm,
            }  # fmt: skip
        self._journal.append(entry)
        self._take(memory, entry)
        if entry.get("raised"):
            self._say(f"ALARM: {alarm_text(entry, self._rules.alarm)}")

    def _report_drift(self) -> None:
        memory, now = self._memory, self._clock()
        since = memory.drift or memory.first
        period = timedelta(days=self._rules.drift_days)
        if since is None or now - since < period or self._no_drift:
            return
        found = drift_of(results_of(self._journal.entries(), now - period, self._calibration))
        figure = self._journal.path.with_name(f"{self._journal.path.stem}_drift_{now:%Y-%m-%d}.png")
        if self._draw is not None and found.conditions:
            self._draw(found, figure)
        entry = {
            "event": "drift", "number": memory.number + 1, "time": now.isoformat(timespec="seconds"),
            "drifted": found.drifted, "text": found.text(), "figure": figure.name if figure.exists() else None,
        }  # fmt: skip
        self._journal.append(entry)
        self._take(memory, entry)
        self._say(found.text())

    def _is_known(self, arrival: Arrival) -> bool:
        known = self._memory.known.get(arrival.name)
        return known is not None and known[:2] == (arrival.size, arrival.mtime_ns)

    def _remembered(self) -> _Memory:
        memory = _Memory({}, deque(maxlen=self._rules.alarm[1]), False, 0, None, None)
        try:
            for entry in self._journal.entries():
                self._take(memory, entry)
        except (KeyError, TypeError, ValueError) as error:
            raise StridorError(
                f"{self._journal.path} was not written by 'stridor watch' ({error!r}); name another file by --output."
            ) from None
        return memory

    def _take(self, memory: _Memory, entry: dict[str, Any]) -> None:
        event, time = entry["event"], datetime.fromisoformat(entry["time"])
        if event == "recording":
            memory.known[entry["file"]] = (entry["size"], entry["mtime_ns"], entry["md5"])
            memory.number, memory.first = entry["number"], memory.first or time
            if "error" not in entry:
                memory.flags.append(entry["anomalous"])
                memory.alarm = entry["alarm"]
        elif event == "drift":
            # Earlier versions did not count these.
            memory.number, memory.drift = entry.get("number", memory.number), time


def _md5(arrival: Arrival) -> str:
    try:
        return file_md5(arrival.path)
    except OSError:
        # Gone, or not to be read, which the detector will say.
        return ""


def _digest(values: object) -> str:
    return hashlib.md5(json.dumps(values, sort_keys=True).encode(), usedforsecurity=False).hexdigest()[:8]
