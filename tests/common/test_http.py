"""Servers that are busy, break off, refuse or are not there, and a person who does not want to wait."""

import signal
import threading
import time
from concurrent.futures import CancelledError

import pytest

from stridor.common.errors import StridorError
from stridor.common.http import StoppableRetry, open_url, read_json
from zenodo import HASTY, Zenodo

# A pause that no test waits for.
LONG = "503 60"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Zenodo().serving() as serving:
        yield serving


@pytest.fixture
def url(server):
    return f"{server.url}/api/records/7"


@pytest.mark.parametrize("faults", [["503"], ["503 0", "429"], ["408", "500"], ["cut"], ["cut", "502"], ["redirect"]])
def test_another_try_helps(server, url, faults):
    server.faults["7"] = list(faults)
    assert read_json(url, HASTY) == {"id": 7, "metadata": {"title": "DCASE"}, "files": []}
    assert len(server.asked) == len(faults) + 1


@pytest.mark.parametrize("fault", ["503", "cut"])
def test_the_last_try_is_the_last(server, url, fault):
    server.faults["7"] = [fault] * 9
    with pytest.raises(StridorError, match=r"could not be fetched in 3 tries \((the server answers 503|no connection)"):
        read_json(url, HASTY)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("404", "answers 404"),
        ("403", "answers 403"),
        ("416", "not JSON"),
        ("html", "not JSON, perhaps the log-in page"),
    ],
)
def test_a_refusal_is_not_asked_again(server, url, fault, said):
    server.faults["7"] = [fault]
    with pytest.raises(StridorError, match=said) as refused:
        read_json(url, HASTY)
    assert "\n" not in str(refused.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize("header", ["0", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_what_retry_after_may_be(server, url, header):
    server.faults["7"] = [f"503 {header}"]
    assert read_json(url, HASTY)


def test_retry_after_is_waited_for(server, url):
    server.faults["7"] = ["503 1"]
    start = time.monotonic()
    read_json(url, StoppableRetry(total=1, backoff_factor=0))
    assert time.monotonic() - start >= 1


def test_retry_after_has_a_limit(server, url):
    server.faults["7"] = [LONG]
    start = time.monotonic()
    read_json(url, StoppableRetry(total=1, backoff_max=0.01))
    assert time.monotonic() - start < 50


def test_no_server():
    with pytest.raises(StridorError, match=r"could not be fetched in 3 tries \(connection refused\); check"):
        read_json("http://127.0.0.1:9", HASTY)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "zenodo", "http://"])
def test_no_address(url):
    with pytest.raises(StridorError, match=r"cannot be fetched .* check the address"):
        read_json(url, HASTY)


def test_a_certificate_that_is_refused_is_not_asked_again(server, monkeypatch):
    """A server without TLS, asked over TLS."""
    tries = []
    monkeypatch.setattr(StoppableRetry, "sleep", lambda *_: tries.append(1))
    with (
        pytest.raises(StridorError, match=r"The certificate of https://.* is not accepted"),
        open_url(server.url.replace("http", "https"), {}, HASTY),
    ):
        pass
    assert tries == []


def test_an_event_ends_a_pause(server, url):
    server.faults["7"] = [LONG]
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    start = time.monotonic()
    with pytest.raises(CancelledError):
        read_json(url, StoppableRetry(total=6, stop=stop))
    assert time.monotonic() - start < 50


def test_ctrl_c_ends_a_pause(server, url):
    server.faults["7"] = [LONG]

    def press_when_asked():
        while not server.asked:
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=press_when_asked, daemon=True).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        read_json(url, StoppableRetry(total=6))
    assert time.monotonic() - start < 50
