"""Requests to stop: at once, or after what must not be cut short."""

import os
import signal
from threading import Event, Thread

import pytest

from stridor.common.interrupts import stop_signals_allowed, stop_signals_as_exceptions, stop_signals_postponed
from stridor.tracking.location import find_store


def ask_to_stop():
    os.kill(os.getpid(), signal.SIGTERM)


def stopped(work):
    """Do some work that a request ends; return the exception and what had been done until then."""
    done = []
    with pytest.raises(SystemExit) as left, stop_signals_as_exceptions():
        work(done.append)
    assert left.value.code == 128 + signal.SIGTERM
    return left.value, done


def test_a_request_ends_the_block_and_the_handler_before_is_put_back():
    def work(note):
        ask_to_stop()
        note("after")

    before = signal.getsignal(signal.SIGTERM)
    assert stopped(work)[1] == []
    assert signal.getsignal(signal.SIGTERM) == before


def test_it_waits_for_the_outermost_block_that_must_not_be_cut_short():
    def work(note):
        with stop_signals_postponed():
            with stop_signals_postponed():
                ask_to_stop()
            note("inner")
        note("outer")

    assert stopped(work)[1] == ["inner"]
    # Nothing is left of it.
    with stop_signals_as_exceptions(), stop_signals_postponed():
        pass


def test_long_work_inside_is_cut_short_and_what_follows_is_not():
    def work(note):
        with stop_signals_postponed():
            try:
                with stop_signals_allowed():
                    ask_to_stop()
                    note("long work")
            finally:
                note("written down")

    assert stopped(work)[1] == ["written down"]


def test_long_work_does_not_begin_after_a_request():
    def work(note):
        with stop_signals_postponed():
            ask_to_stop()
            with stop_signals_allowed():
                note("long work")

    assert stopped(work)[1] == []


def test_an_error_does_not_swallow_the_request():
    def work(note):
        with stop_signals_postponed():
            ask_to_stop()
            raise ValueError

    assert isinstance(stopped(work)[0].__context__, ValueError)


def imported_when_asked_to_stop():
    """Do what an extension module does that is being imported then."""
    try:
        ask_to_stop()
    except BaseException as error:
        raise ImportError("initialization failed") from error


@pytest.mark.parametrize("postponed", [False, True])
def test_an_import_does_not_swallow_the_request(postponed):
    def work(note):
        if not postponed:
            imported_when_asked_to_stop()
        with stop_signals_postponed():
            try:
                with stop_signals_allowed():
                    imported_when_asked_to_stop()
            except Exception:
                # A study goes on with its next trial then.
                note("went on")

    assert stopped(work)[1] == []
    # Errors of what comes after it are their own.
    with pytest.raises(ImportError, match="of its own"), stop_signals_as_exceptions():
        raise ImportError("of its own")


def test_other_threads_hold_nothing_up():
    held, release = Event(), Event()

    def hold():
        with stop_signals_postponed():
            held.set()
            release.wait(60)

    def work(note):
        ask_to_stop()
        note("held up")

    thread = Thread(target=hold)
    thread.start()
    try:
        assert held.wait(60)
        assert stopped(work)[1] == []
    finally:
        release.set()
        thread.join()


def test_a_call_of_a_store_in_a_file_is_not_cut_short(project):
    def work(note):
        with find_store().errors():
            ask_to_stop()
            note("written")
        note("later")

    assert stopped(work)[1] == ["written"]
