"""Receivers get every event once and in order, whatever they answer, and scoring does not wait for them."""

import json
import threading
import time

import pytest

from receiver import Receiver
from stridor.common.errors import StridorError
from stridor.operation.journal import Journal, read_lines
from stridor.operation.messages import message_of
from stridor.operation.telling import Teller
from stridor.operation.webhook import Webhook

TIMEOUT_S = 60
TIME = "2026-03-02T00:00:00+00:00"


def recording(number, raised=True, **more):
    return {
        "event": "recording", "number": number, "time": TIME, "file": f"{number:03d}.wav", "machine": "pump",
        "score": 1.5, "threshold": 1.0, "p_value": 0.01, "anomalous": raised, "alarm": raised, "raised": raised,
        "windows": [],
    } | more  # fmt: skip


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "out.jsonl") as journal:
        yield journal


def until(reached):
    end = time.monotonic() + TIMEOUT_S
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.005)


def told(journal, to="hook"):
    return [one["number"] for one in journal.entries() if one["event"] == "told" and one["to"] == to]


def test_what_is_sent():
    assert message_of(recording(1), (2, 3)) == {
        "event": "alarm", "number": 1, "time": TIME, "file": "001.wav", "machine": "pump", "score": 1.5,
        "threshold": 1.0, "p_value": 0.01, "anomalous": True, "alarm": True,
        "text": f"2 of the last 3 recordings are anomalous (pump), 001.wav at {TIME}",
    }  # fmt: skip
    quiet = recording(2, raised=False, p_value=float("nan"), file="\udcff.wav")
    assert message_of(quiet, (1, 1)) is None
    message = message_of(quiet, (1, 1), "all")
    assert (message["event"], message["p_value"]) == ("recording", None)
    # Without NaN and lone surrogates, any reader of JSON takes it.
    json.dumps(message, ensure_ascii=False, allow_nan=False).encode()
    failed = {"event": "recording", "number": 3, "time": TIME, "file": "3.wav", "error": "3.wav is empty."}
    assert message_of(failed, (1, 1)) is None
    assert message_of(failed, (1, 1), "all")["error"] == "3.wav is empty."
    drift = {"event": "drift", "number": 4, "time": TIME, "drifted": True, "text": "source: DRIFTED", "figure": None}
    assert message_of(drift, (1, 1)) == {key: drift[key] for key in ("event", "number", "time", "drifted", "text")}
    assert message_of(drift | {"drifted": False}, (1, 1)) is None
    assert message_of(drift | {"drifted": False}, (1, 1), "all")["event"] == "drift"
    assert message_of({"event": "told", "to": "hook", "number": 4, "time": TIME}, (1, 1), "all") is None


def test_a_failing_receiver_gets_all_in_order_and_is_spoken_of_once(journal):
    said, sent, refusals = [], [], [True, True, False, True]

    def send(message):
        if refusals and refusals.pop(0):
            raise StridorError("nobody answers")
        sent.append(message["number"])

    with Teller(journal, "hook", send, say=said.append, first_pause_seconds=0.001) as teller:
        for number in range(1, 6):
            journal.append(recording(number, raised=number != 4))
        until(lambda: told(journal)[-1] == 5)
        assert teller.finish() == 0
    assert sent == [1, 2, 3, 5]
    assert told(journal) == [0, 1, 2, 3, 5]
    assert [one.split(";")[0] for one in said] == [
        "hook could not be told, which is tried again", "hook can be reached again",
    ] * 2  # fmt: skip
    assert str(journal.path) in said[0]
    assert said[0].endswith("nobody answers")


def test_scoring_does_not_wait_for_a_receiver_that_hangs(journal):
    hangs = threading.Event()
    with Teller(journal, "hook", lambda message: hangs.wait(TIMEOUT_S)):
        start = time.monotonic()
        for number in range(1, 100):
            journal.append(recording(number))
        assert time.monotonic() - start < TIMEOUT_S / 2
        assert told(journal) == [0]
        hangs.set()
        until(lambda: told(journal)[-1] == 99)
    assert told(journal) == list(range(100))


def test_what_was_not_told_is_told_after_a_restart_and_the_rest_is_not(tmp_path):
    sent = []

    def refuse(message):
        raise StridorError("nobody answers")

    def tell(send, numbers, to="hook"):
        with Journal(tmp_path / "out.jsonl") as journal, Teller(journal, to, send) as teller:
            for number in numbers:
                journal.append(recording(number))
            return teller.finish()

    assert tell(sent.append, [1, 2]) == 0
    assert tell(refuse, [3, 4]) == 2
    assert tell(refuse, []) == 2
    assert tell(sent.append, [5]) == 0
    assert [one["number"] for one in sent] == [1, 2, 3, 4, 5]
    # Another receiver begins with what happens from now on.
    other = []
    assert tell(other.append, [6], to="other") == 0
    assert [one["number"] for one in other] == [6]
    assert tell(sent.append, []) == 0
    assert sent[-1]["number"] == 6


def test_lines_of_an_earlier_version_are_of_the_webhook(journal):
    journal.append(recording(1))
    journal.append({"event": "told", "number": 1, "time": TIME})
    journal.append({"event": "drift", "time": TIME, "drifted": True, "text": "", "figure": None})
    journal.append(recording(2))
    sent = []
    with Teller(journal, "webhook", sent.append) as teller:
        assert teller.finish() == 0
    assert [one["number"] for one in sent] == [2]


def test_a_defect_ends_the_watch_and_not_the_telling_alone(journal):
    def broken(message):
        raise ZeroDivisionError

    with Teller(journal, "hook", broken) as teller:
        journal.append(recording(1))
        teller._thread.join(TIMEOUT_S)
        with pytest.raises(ZeroDivisionError):
            teller.check()


def test_a_webhook_says_what_is_wrong_and_keeps_its_secrets():
    with Receiver().serving() as hook:
        secret = hook.url.replace("127.0.0.1", "me:p%40ss@127.0.0.1")
        send = Webhook(secret)
        send({"text": "ä"})
        assert hook.got == [{"text": "ä"}]
        assert hook.headers["Authorization"] == "Basic bWU6cEBzcw=="
        for status, said in ((500, "answers 500"), (401, "answers 401"), (302, "redirects"), (307, "redirects")):
            hook.answers = [status]
            with pytest.raises(StridorError, match=said) as refused:
                send({})
            assert "alarm" not in str(refused.value)
            assert "p@ss" not in str(refused.value)
        assert hook.asked == 5
    with pytest.raises(StridorError, match=r"http://127.0.0.1:\d+ could not be reached \(Connection refused\); check"):
        send({})
    for address in ("plant", "ftp://plant/x", "http://", "http://[::1", "http://plant:port/x"):
        with pytest.raises(StridorError, match="is not an address"):
            Webhook(address)


def test_a_webhook_that_does_not_answer_is_given_up(monkeypatch):
    monkeypatch.setattr("stridor.operation.webhook.TRY_SECONDS", 0.05)
    with Receiver().serving() as hook:
        hook.answers = [0]
        with pytest.raises(StridorError, match=r"could not be reached \(timed out\)"):
            Webhook(hook.url)({})


def test_the_journal_is_read_from_any_line_and_by_threads(tmp_path):
    with Journal(tmp_path / "out.jsonl") as journal:

        def write(number):
            for _ in range(50):
                journal.append(recording(number))

        writers = [threading.Thread(target=write, args=(number,)) for number in (1, 2)]
        for one in writers:
            one.start()
        for one in writers:
            one.join()
        assert sorted(one["number"] for one in journal.entries()) == [1] * 50 + [2] * 50
    with pytest.raises(StridorError, match="is closed"):
        journal.append(recording(3))
    assert len(list(read_lines(tmp_path / "out.jsonl"))) == 100
