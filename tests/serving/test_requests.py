"""Every row of a request is answered, in the time and the memory that there is."""

import threading
import time

import pandas as pd
import pytest

from stridor.common.errors import StridorError
from stridor.serving import requests
from stridor.serving.requests import COLUMNS, OutOfTimeError, answer, read_row
from stridor.serving.verdict import Verdict


def verdicts(rows):
    """Score rows by their first byte; some cannot be scored."""
    for row in rows:
        if row.audio == b"\0bad":
            raise StridorError(f"{row.name} is bad.")
        if row.audio == b"\0huge":
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        if row.audio == b"\0odd":
            raise ZeroDivisionError
    return [Verdict(row.name, row.machine or "fan", float(row.audio[0]), 1.0, True, "n.wav") for row in rows]


def test_good_rows_are_answered_and_bad_ones_named():
    audio = [bytes([number]) for number in range(40)]
    audio[3], audio[20], audio[21], audio[39] = b"\0bad", b"\0huge", b"\0odd", b"\0bad"
    table, errors = answer(pd.DataFrame({"audio": audio}), verdicts)
    assert list(table.columns) == list(COLUMNS)
    wrong = table["error"].notna()
    assert wrong[wrong].index.tolist() == [3, 20, 21, 39]
    assert table["score"][~wrong].tolist() == [number for number in range(40) if not wrong[number]]
    assert errors == table["error"][wrong].tolist()
    assert errors[0] == "Row 3 of the input is bad."
    assert errors[1] == "Row 20 of the input needs more memory than this server has; send a shorter recording."
    assert errors[2] == "Row 21 of the input could not be scored (ZeroDivisionError); the server's log says more."


def test_no_rows_are_no_answers():
    table, errors = answer(pd.DataFrame({"audio": []}), verdicts)
    assert (len(table), errors) == (0, [])


@pytest.mark.parametrize("machine", [["valve"], 3, {"a": 1}, True])
def test_a_machine_that_is_no_text_is_named(machine):
    with pytest.raises(StridorError, match=r"Row 7 gives a .* as machine; give its name as a string"):
        read_row(b"\0", machine, "Row 7")
    assert read_row(b"\0", float("nan"), "Row 7").machine is None


def test_a_request_that_timed_out_is_not_computed_any_further(monkeypatch):
    monkeypatch.setenv(requests.TIMEOUT, "0.2")
    scored = []

    def slowly(rows):
        scored.extend(rows)
        time.sleep(0.3)
        return verdicts(rows)

    with pytest.raises(OutOfTimeError):
        answer(pd.DataFrame({"audio": [b"\0"] * 100}), slowly)
    assert len(scored) == requests.ROWS_AT_A_TIME


def test_retries_do_not_pile_up(monkeypatch):
    monkeypatch.setenv(requests.TIMEOUT, "0.2")
    monkeypatch.setattr(requests, "_places", threading.BoundedSemaphore(1))
    inside, free = threading.Event(), threading.Event()

    def held(rows):
        inside.set()
        free.wait(60)
        return verdicts(rows)

    first = threading.Thread(target=answer, args=(pd.DataFrame({"audio": [b"\0"]}), held))
    first.start()
    try:
        assert inside.wait(60)
        with pytest.raises(OutOfTimeError):
            answer(pd.DataFrame({"audio": [b"\0"]}), verdicts)
    finally:
        free.set()
        first.join()
    assert answer(pd.DataFrame({"audio": [b"\0"]}), verdicts)[1] == []
