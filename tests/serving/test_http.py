"""Requests as they come in over HTTP, through MLflow's own server."""

import base64
import http.client
import json
import socket
import threading
import time
from typing import NamedTuple

import pytest


class Answer(NamedTuple):
    status: int
    text: str

    def json(self):
        return json.loads(self.text)


@pytest.fixture(scope="module")
def port(registered):
    """The port of MLflow's scoring server, in this process."""
    import mlflow
    import uvicorn
    from mlflow.pyfunc import scoring_server

    app = scoring_server.init(mlflow.pyfunc.load_model("models:/stridor-plant@champion"))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


def asked(port, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", "/invocations", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    try:
        return Answer(answer.status, answer.read().decode())
    finally:
        connection.close()


@pytest.fixture
def clip(recording):
    return base64.b64encode(recording()).decode()


def test_the_forms_of_a_request_are_answered_alike(port, clip):
    bodies = [
        {"dataframe_records": [{"audio": clip, "machine": "saw"}]},
        {"dataframe_split": {"columns": ["audio", "machine"], "data": [[clip, "saw"]]}},
        {"inputs": {"audio": [clip], "machine": ["saw"]}},
        {"inputs": [{"audio": clip, "machine": "saw"}]},
        {"instances": [{"audio": clip, "machine": "saw"}]},
    ]
    answers = [asked(port, body) for body in bodies]
    assert [answer.status for answer in answers] == [200] * len(bodies)
    first = answers[0].json()["predictions"]
    assert first[0]["machine"] == "saw"
    assert first[0]["error"] is None
    assert all(answer.json()["predictions"] == first for answer in answers)


def test_bad_rows_are_named_and_the_others_answered(port, clip):
    rows = [{"audio": clip, "machine": "saw"}, {"audio": "AAAA", "machine": "saw"}, {"audio": clip, "machine": "fan"}]
    said = asked(port, {"dataframe_records": rows}).json()["predictions"]
    assert said[0]["error"] is None
    assert said[1]["error"].startswith("Row 1 of the input is not readable audio")
    assert said[2]["error"].startswith("Row 2 of the input names the machine 'fan'")
    assert said[1]["score"] is None


@pytest.mark.parametrize(("machine", "said"), [(["saw"], "gives a list as machine"), (3, "machine"), ("fan", "'fan'")])
def test_a_wrong_machine_is_status_400_with_the_reason(port, clip, machine, said):
    answer = asked(port, {"dataframe_records": [{"audio": clip, "machine": machine}]})
    assert answer.status == 400
    assert said in answer.json()["message"]
    assert len(answer.text) < 1000


def test_a_request_that_cannot_be_scored_gets_neither_itself_nor_a_traceback_back(port):
    broken = base64.b64encode(b"no audio" * 10**5).decode()
    for body in (
        {"dataframe_records": [{"audio": broken, "machine": "saw"}]},
        {"inputs": {"audio": [broken], "machine": ["saw"]}},
    ):
        answer = asked(port, body)
        assert answer.status == 400
        assert len(answer.text) < 500
        assert "Row 0 of the input" in answer.json()["message"]
        assert "Traceback" not in answer.text
