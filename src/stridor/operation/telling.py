"""Telling others what a watch hears: in a thread of its own, in order, until they have it."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from stridor.common.errors import StridorError
from stridor.operation.journal import Journal, lines_after
from stridor.operation.messages import Events, message_of

Send = Callable[[dict[str, Any]], None]
# Between two tries: doubled each time.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
# What a try takes at most, where the other side keeps to the protocol; senders wait no longer for each step of it.
TRY_SECONDS = 5.0
_LOOK_SECONDS = 1.0
# Lines of earlier versions say nothing of who was told; it was this one.
_EARLIER = "webhook"


class Teller:
    """Sends the events of a journal to one receiver.

    The journal is the queue: what was not told stays there, also over restarts, and however many events wait, they take
    no memory and scoring does not wait for them. A line of the journal says up to which event the receiver has been
    told. A receiver that is new begins with what happens from then on. After a kill between a message and its line, the
    message is sent twice, with the same number.

    Parameters
    ----------
    journal : Journal
    name : str
        Of the receiver, in the journal and in what is said.
    send : callable
        Sends a message, or raises StridorError.
    rule, events
        As for `message_of`.
    say : callable
        Called with a line when the receiver fails, and when it can be reached again.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from stridor.operation.journal import Journal
    >>> from stridor.operation.telling import Teller
    >>> sent = []
    >>> with TemporaryDirectory() as folder, Journal(Path(folder) / "out.jsonl") as journal:
    ...     with Teller(journal, "list", sent.append) as teller:
    ...         journal.append({"event": "drift", "number": 1, "time": "2026-03-02T00:00:00", "drifted": True})
    ...         teller.finish()
    0
    >>> sent
    [{'event': 'drift', 'number': 1, 'time': '2026-03-02T00:00:00', 'drifted': True}]
    """

    def __init__(
        self, journal: Journal, name: str, send: Send, rule: tuple[int, int] = (1, 1), events: Events = "alarms",
        say: Callable[[str], None] = lambda line: None, first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:  # fmt: skip
        self.name = name
        self._journal, self._send, self._rule, self._events, self._say = journal, send, rule, events, say
        self._first_pause_seconds = first_pause_seconds
        self._told, self._offset = self._told_before(), 0
        self._failing = False
        self._defect: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"telling {name}", daemon=True)

    def __enter__(self) -> "Teller":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        # A try that hangs dies with the process, or finds the journal closed.
        self._thread.join(timeout=_LOOK_SECONDS)

    def check(self) -> None:
        """Raise what has ended the thread: a watch that tells nobody any more must not go on as if it did."""
        if self._defect is not None:
            raise self._defect

    def finish(self) -> int:
        """Try once more to tell what is left, and return how many events are still left."""
        self._stop.set()
        self._thread.join(timeout=2 * TRY_SECONDS)
        self.check()
        if not self._thread.is_alive():
            try:
                self._tell(time.monotonic() + 2 * TRY_SECONDS)
            except StridorError as error:
                self._complain(error)
        return sum(message is not None for _, _, message in self._left())

    def _run(self) -> None:
        pause = self._first_pause_seconds
        while not self._stop.is_set():
            try:
                self._tell()
            except StridorError as error:
                self._complain(error)
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            except Exception as error:
                self._defect = error
                return
            else:
                pause = self._first_pause_seconds
                self._journal.wait_beyond(self._offset, _LOOK_SECONDS)

    def _tell(self, until: float = math.inf) -> None:
        for offset, entry, message in self._left():
            if message is not None:
                if time.monotonic() > until:
                    return
                self._send(message)
                self._note(entry["number"])
                if self._failing:
                    self._say(f"{self.name} can be reached again")
                    self._failing = False
            self._offset = offset

    def _left(self) -> Iterator[tuple[int, dict[str, Any], dict[str, Any] | None]]:
        for offset, entry in lines_after(self._journal.path, self._offset):
            is_new = entry.get("number", 0) > self._told and entry["event"] != "told"
            yield offset, entry, message_of(entry, self._rule, self._events) if is_new else None

    def _complain(self, error: StridorError) -> None:
        if not self._failing:
            self._say(
                f"{self.name} could not be told, which is tried again; what it has missed stays in "
                f"{self._journal.path}: {error}"
            )
        self._failing = True

    def _note(self, number: int) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._journal.append({"event": "told", "to": self.name, "number": number, "time": now})
        self._told = number

    def _told_before(self) -> int:
        told, newest = None, 0
        for entry in self._journal.entries():
            if entry["event"] != "told":
                newest = entry.get("number", newest)
            elif entry.get("to", _EARLIER) == self.name:
                told = entry["number"]
        if told is None:
            self._note(told := newest)
        return told
