"""A polite request to stop, turned into an exception, but not in the midst of a transaction."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# How many blocks put a request off, and the signal that is put off.
_holding = 0
_put_off: int | None = None


@contextmanager
def sigterm_as_exit() -> Iterator[None]:
    """Let a polite request to stop unwind the block like an error, so that the run gets ended."""
    # Python lets only the main thread set handlers; elsewhere SIGTERM is not ours to judge.
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: object) -> None:
        # A second request must not cut short the ending of the run.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if _holding:
            global _put_off
            _put_off = number
            return
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put a request to stop off until the block has ended.

    An exception in the midst of a roll-back or a commit can leave a connection, and with it a SQLite file, locked.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    global _holding
    _holding += 1
    try:
        yield
    finally:
        _holding -= 1
        _leave_if_asked()


@contextmanager
def disturbable() -> Iterator[None]:
    """Let a request through at once for what takes long inside a block of `undisturbed`."""
    global _holding
    before, _holding = _holding, 0
    try:
        _leave_if_asked()
        yield
    finally:
        _holding = before


def _leave_if_asked() -> None:
    global _put_off
    if not _holding and _put_off is not None:
        number, _put_off = _put_off, None
        raise SystemExit(128 + number)
