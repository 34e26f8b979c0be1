"""A detector at work for long: many clips in one process, many requests to a server; memory stays flat."""

import base64
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile as sf

from hard.killing import TIMEOUT_S
from mlflow_project import in_project, register_champion, wave, write_detector
from tiny import tiny_params

CLIPS = REQUESTS = int(os.environ.get("STRIDOR_HARD_SOAK", "20000"))
FIRST = 100
# Allocators go on to fill for a while after the first hundred.
GROWTH_BYTES = 50 * 2**20
CLIENTS = 4
SCORE = """
import json, psutil
from itertools import cycle, islice
from pathlib import Path
from stridor.serving.detector import Detector
detector = Detector.load({model!r})
files = sorted(Path({folder!r}).iterdir())
this = psutil.Process()
answers = detector.score_many(islice(cycle(files), {clips}), "pump")
for number, answer in enumerate(answers):
    if number % {first} == 0:
        print(json.dumps(["state", number, this.memory_info().rss, this.num_fds(), this.num_threads()]))
    print(json.dumps(["answer", answer.recording, getattr(answer, "score", None)]))
"""


def write_recordings(folder):
    """Write recordings of several formats, lengths and rates, and files that cannot be scored."""
    folder.mkdir()
    for number in range(40):
        rate_hz = (16000, 22050, 48000)[number % 3]
        samples = rate_hz * (30 + number) // 100
        form = ("WAV", "FLAC", "OGG")[number % 3]
        sf.write(
            folder / f"{number:02d}.{form.lower()}", wave(number, samples, 300 + 20 * number), rate_hz, format=form
        )
    sf.write(folder / "long.wav", wave(77, 40 * 16000), 16000)
    sf.write(folder / "silent.wav", np.zeros(8000), 16000)
    (folder / "broken.wav").write_bytes(b"RIFF of nothing")
    (folder / "empty.flac").touch()


@pytest.fixture(scope="module")
def model(tmp_path_factory, empty_database):
    """A project with a registered detector of a small random encoder, as working directory; the folder of the model."""
    with in_project(tmp_path_factory.mktemp("project"), empty_database) as root:
        params = tiny_params(embedding={"layer": 1, "pooling": "bands"}, bank={"density_neighbours": 1})
        encoder, banks = write_detector(root, params)
        register_champion("pump", encoder, banks, params.for_detector("pump"), None, {})
        import mlflow

        yield Path(mlflow.artifacts.download_artifacts("models:/stridor-pump@champion", dst_path=str(root / "model")))


def check_flat(what, states):
    """Check that a series of (number, bytes, files) does not grow after the first hundred."""
    _, bytes_then, files_then = states[1]
    _, bytes_now, files_now = states[-1]
    print(
        f"{what}: {states[-1][0]}, {bytes_then / 2**20:.0f} MiB after {states[1][0]}, "
        f"{max(size for _, size, _ in states) / 2**20:.0f} at most, {bytes_now / 2**20:.0f} at the end, "
        f"files {files_then} and {files_now}"
    )
    assert bytes_now - bytes_then < GROWTH_BYTES, states
    assert files_now <= files_then, states
    # Slow growth of a long run shows in its second half.
    half = states[len(states) // 2 :]
    assert half[-1][1] - half[0][1] < GROWTH_BYTES / 5, half


def test_memory_is_flat_over_many_scored_clips(model, tmp_path):
    write_recordings(tmp_path / "recordings")
    code = SCORE.format(model=str(model), folder=str(tmp_path / "recordings"), clips=CLIPS, first=FIRST)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        states, scores, answers = [], {}, 0
        for line in process.stdout:
            kind, *said = json.loads(line)
            if kind == "state":
                states.append(tuple(said[:3]))
                continue
            answers += 1
            recording, score = said
            # Next to others, a clip has the score that it has alone.
            first = scores.setdefault(recording, score)
            assert (score is None) == (first is None)
            assert score is None or abs(score - first) < 1e-5
    assert process.returncode == 0
    assert answers == CLIPS
    assert {Path(name).name for name, score in scores.items() if score is None} == {
        "silent.wav", "broken.wav", "empty.flac"
    }  # fmt: skip
    check_flat("scored clips", states)


@pytest.fixture
def server(model, tmp_path):
    """A served model: its port, and the processes that serve it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(tmp_path / "server.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local",
             "-p", str(port)],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    served = psutil.Process(process.pid)
    try:
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            assert process.poll() is None, (tmp_path / "server.log").read_text()
            try:
                with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                    connection.request("GET", "/ping")
                    if connection.getresponse().status == 200:
                        break
            except OSError:
                time.sleep(0.2)
        yield port, served
    finally:
        for one in (*served.children(recursive=True), served):
            one.kill()
        process.wait()


def encoded(number):
    """Return a short recording in base64."""
    file = io.BytesIO()
    sf.write(file, wave(number, 4000 + 700 * number), 16000, format="WAV")
    return base64.b64encode(file.getvalue()).decode()


def requests():
    """Return bodies of requests and the status that each is answered with."""
    good = [{"dataframe_records": [{"audio": encoded(number), "machine": "pump"}]} for number in range(8)]
    two = {"inputs": {"audio": [encoded(1), encoded(2)], "machine": ["pump", "pump"]}}
    one_bad = {"dataframe_split": {"columns": ["audio", "machine"], "data": [[encoded(3), "pump"], ["AAAA", "pump"]]}}
    bad = [
        {"dataframe_records": [{"audio": "AAAA", "machine": "pump"}]},
        {"dataframe_records": [{"audio": encoded(4), "machine": "saw"}]},
        {"what": "nothing"},
    ]
    answered = [(json.dumps(body).encode(), 200) for body in (*good, two, one_bad)]
    return answered + [(json.dumps(body).encode(), 400) for body in bad] + [(b"{broken", 400)]


def state(served):
    """Return memory and open files of a server and all its processes."""
    processes = (served, *served.children(recursive=True))
    return sum(one.memory_info().rss for one in processes), sum(one.num_fds() for one in processes)


def test_memory_is_flat_over_many_requests(server):
    port, served = server
    bodies = requests()
    asked, lock = 0, threading.Lock()
    answers: dict[int, str] = {}
    states, problems = [], []

    def client():
        nonlocal asked
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        while not problems:
            with lock:
                number, asked = asked, asked + 1
                if number >= REQUESTS:
                    break
                if number % FIRST == 0:
                    states.append((number, *state(served)))
            body, status = bodies[number % len(bodies)]
            try:
                connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read().decode()
                with lock:
                    first = answers.setdefault(number % len(bodies), text)
                if (answer.status, text) != (status, first):
                    problems.append((number, answer.status, text, first))
            except Exception as error:
                problems.append((number, repr(error)))
        connection.close()

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert not problems, problems[:3]
    states.append((REQUESTS, *state(served)))
    assert len(answers) == len(bodies)
    check_flat("requests", states)
