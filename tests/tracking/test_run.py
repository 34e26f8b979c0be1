"""What a run logs when others start at the same moment, and when a server is stopped in the middle of an answer."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from stridor.common.errors import StridorError
from stridor.tracking import run
from stridor.tracking.describe import DataVersion
from stridor.tracking.location import Store

VERSION = DataVersion("data", "0" * 32)


class Server(BaseHTTPRequestHandler):
    """Is stopped in the middle of its answers, for as many as are to be cut off."""

    cut_off = 0

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        whole = type(self).cut_off == 0
        self.wfile.write(b"{}" if whole else b"{")
        type(self).cut_off -= not whole

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{one.server_port}"
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(address)
        yield Store(address, None)
        mlflow.set_tracking_uri(before)
        one.shutdown()


def test_an_answer_that_was_cut_off_does_not_end_a_training(server):
    Server.cut_off = 1
    run.MlflowRun(server, "0" * 32).set_tag("key", "value")
    assert Server.cut_off == 0


def test_nor_does_it_keep_a_run_from_being_opened(server):
    Server.cut_off = 1
    assert run.end_lost_runs(server) == []
    assert Server.cut_off == 0


def test_a_server_that_never_answers_whole_is_one_sentence(server):
    Server.cut_off = 2
    with pytest.raises(StridorError, match="does not answer"):
        run.MlflowRun(server, "0" * 32).set_tag("key", "value")


def failing(monkeypatch, *errors):
    """Let logging a data set fail with each of some errors in turn; return how often it was called."""
    left, calls = list(errors), []

    def log_input(dataset, context):
        calls.append(context)
        if left:
            raise left.pop(0)

    monkeypatch.setattr(mlflow, "log_input", log_input)
    return calls


def test_two_runs_that_start_at_once_log_the_same_data(monkeypatch):
    calls = failing(monkeypatch, MlflowException("(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.name"))
    run._log_input(VERSION)
    assert calls == ["training", "training"]


def test_another_failure_is_not_tried_again(monkeypatch):
    calls = failing(monkeypatch, MlflowException("database is locked"))
    with pytest.raises(MlflowException, match="locked"):
        run._log_input(VERSION)
    assert calls == ["training"]
