"""SIGTERM as an exception that unwinds the block, but not inside a transaction."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# The number of nested blocks that postpone the signal, and the signal that is postponed.
_postponing = 0
_postponed: int | None = None


@contextmanager
def sigterm_as_exit() -> Iterator[None]:
    """Let SIGTERM raise SystemExit inside the block, so that `finally` clauses end what was started."""
    # Python lets only the main thread set handlers; in others SIGTERM keeps its meaning.
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: object) -> None:
        # A second signal must not interrupt the clean-up.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if _postponing:
            global _postponed
            _postponed = number
            return
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def sigterm_postponed() -> Iterator[None]:
    """Postpone SIGTERM until the block has ended.

    An exception during a roll-back or a commit can leave a connection, and with it a SQLite file, locked.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    global _postponing
    _postponing += 1
    try:
        yield
    finally:
        _postponing -= 1
        _exit_if_postponed()


@contextmanager
def sigterm_allowed() -> Iterator[None]:
    """Let the signal through at once inside a block of `sigterm_postponed`, for what takes long."""
    global _postponing
    before, _postponing = _postponing, 0
    try:
        _exit_if_postponed()
        yield
    finally:
        _postponing = before


def _exit_if_postponed() -> None:
    global _postponed
    if not _postponing and _postponed is not None:
        number, _postponed = _postponed, None
        raise SystemExit(128 + number)
