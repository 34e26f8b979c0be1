"""Signals to stop as exceptions that unwind the block, but not inside a transaction."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# From kill, from a closed terminal, and from Ctrl-C.
_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)]
# The number of nested blocks that postpone signals, and the signal that is postponed.
_postponing = 0
_postponed: int | None = None
# The signal that has raised an exception.
_raised: int | None = None


@contextmanager
def stop_signals_as_exceptions() -> Iterator[None]:
    """Let signals to stop raise exceptions inside the block, so that `finally` clauses end what was started.

    SIGTERM and SIGHUP raise SystemExit, SIGINT raises KeyboardInterrupt; signals that this process ignores, as after
    nohup, stay ignored.
    """
    # Python lets only the main thread set handlers; in others signals keep their meaning.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    global _raised
    _raised = None
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    replaced = [number for number, handler in before.items() if handler in usual or handler is _handle]
    for number in replaced:
        signal.signal(number, _handle)
    try:
        with _kept_as_it_was_raised():
            yield
    finally:
        for number in replaced:
            signal.signal(number, before[number])


@contextmanager
def stop_signals_postponed() -> Iterator[None]:
    """Postpone signals to stop until the block has ended.

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
        _raise_postponed()


@contextmanager
def stop_signals_allowed() -> Iterator[None]:
    """Let signals through at once inside a block of `stop_signals_postponed`, for what takes long."""
    global _postponing
    before, _postponing = _postponing, 0
    try:
        with _kept_as_it_was_raised():
            _raise_postponed()
            yield
    finally:
        _postponing = before


@contextmanager
def _kept_as_it_was_raised() -> Iterator[None]:
    """Raise a signal's exception again where an extension module that was being imported made an ImportError of it."""
    try:
        yield
    except Exception:
        if _raised is not None:
            _raise(_raised)
        raise


def block_stop_signals() -> None:
    """Block signals until `unblock_stop_signals`: an interrupted import would end in a traceback."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def unblock_stop_signals() -> None:
    """Let through the signals that `block_stop_signals` has blocked."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


@contextmanager
def stop_signals_blocked() -> Iterator[None]:
    """Block signals in the block, and in processes that start in it, until these unblock them."""
    block_stop_signals()
    try:
        yield
    finally:
        unblock_stop_signals()


def _handle(number: int, frame: FrameType | None) -> None:
    # A second signal must not interrupt the clean-up.
    for one in _SIGNALS:
        if signal.getsignal(one) is _handle:
            signal.signal(one, signal.SIG_IGN)
    if _postponing:
        global _postponed
        _postponed = number
        return
    _raise(number)


def _raise_postponed() -> None:
    global _postponed
    if not _postponing and _postponed is not None:
        number, _postponed = _postponed, None
        _raise(number)


def _raise(number: int) -> None:
    global _raised
    _raised = number
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
