"""A polite request to stop, turned into an exception, but not in the midst of a transaction."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# A kill, a terminal that was closed, and Ctrl-C.
_REQUESTS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)]
# How many blocks put a request off, and the signal that is put off.
_holding = 0
_put_off: int | None = None


@contextmanager
def sigterm_as_exit() -> Iterator[None]:
    """Let a polite request to stop unwind the block like an error, so that the run gets ended.

    SIGTERM and SIGHUP raise SystemExit, SIGINT raises KeyboardInterrupt; signals that this process ignores, as after
    nohup, stay ignored.
    """
    # Python lets only the main thread set handlers; elsewhere signals are not ours to judge.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {number: signal.getsignal(number) for number in _REQUESTS}
    ours = [number for number, handler in before.items() if handler in usual or handler is _leave]
    for number in ours:
        signal.signal(number, _leave)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


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


def hold_stop_requests() -> None:
    """Put requests off until `release_stop_requests`: an import that one cuts short ends in a traceback."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, _REQUESTS)


def release_stop_requests() -> None:
    """Let through what `hold_stop_requests` has put off."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _REQUESTS)


@contextmanager
def stop_requests_held() -> Iterator[None]:
    """Put requests off in the block, and in processes that start in it, until these release them."""
    hold_stop_requests()
    try:
        yield
    finally:
        release_stop_requests()


def _leave(number: int, frame: FrameType | None) -> None:
    # A second request must not cut short the ending of the run.
    for one in _REQUESTS:
        if signal.getsignal(one) is _leave:
            signal.signal(one, signal.SIG_IGN)
    if _holding:
        global _put_off
        _put_off = number
        return
    _raise(number)


def _leave_if_asked() -> None:
    global _put_off
    if not _holding and _put_off is not None:
        number, _put_off = _put_off, None
        _raise(number)


def _raise(number: int) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
