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
from stridor.audio.files import read_clip
from stridor.models.checkpoint import load_encoder
from stridor.scoring.embedding import EncoderEmbedder
from stridor.scoring.reference import MachineReference
from tiny import tiny_params

CLIPS = REQUESTS = int(os.environ.get("STRIDOR_HARD_SOAK", "20000"))
FIRST = 100
# Allocators go on to fill for a while after the first hundred.
GROWTH_BYTES = 50 * 2**20
CLIENTS = 4
# What is promised: so many clients at once, one request in ten broken.
CLIENTS_AT_ONCE, REQUESTS_AT_ONCE, BROKEN_EVERY = 8, 2000, 10
TOLERANCE = 1e-5
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


@pytest.fixture(scope="module")
def server(model, tmp_path_factory):
    """A served model: its port, and the processes that serve it."""
    log_path = tmp_path_factory.mktemp("served") / "server.log"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(log_path, "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local",
             "-p", str(port)],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    served = psutil.Process(process.pid)
    try:
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            assert process.poll() is None, log_path.read_text()
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


def ask_at_once(server, clients, count, body_of, problem_with):
    """Send requests by several clients, and return the states of the server, one for each hundred requests.

    `body_of` makes the body of a request by its number; `problem_with` says what is wrong with its answer, given the
    number, the status and the text.
    """
    port, served = server
    asked, lock = 0, threading.Lock()
    states, problems = [], []

    def client():
        nonlocal asked
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        while not problems:
            with lock:
                number, asked = asked, asked + 1
                if number >= count:
                    break
                if number % FIRST == 0:
                    states.append((number, *state(served)))
            try:
                connection.request("POST", "/invocations", body_of(number), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read().decode()
                if problem := problem_with(number, answer.status, text):
                    problems.append((number, answer.status, text, problem))
            except Exception as error:
                problems.append((number, repr(error)))
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not problems, problems[:3]
    states.append((count, *state(served)))
    return states


def test_memory_is_flat_over_many_requests(server):
    bodies = requests()
    answers: dict[int, str] = {}

    def problem_with(number, status, text):
        which = number % len(bodies)
        expected = bodies[which][1], answers.setdefault(which, text)
        return None if (status, text) == expected else expected

    states = ask_at_once(server, CLIENTS, REQUESTS, lambda number: bodies[number % len(bodies)][0], problem_with)
    assert len(answers) == len(bodies)
    check_flat("requests", states)


def broken_bodies():
    """Return bodies that cannot be scored, for every reason that a client is told of."""

    def one(audio, machine="pump"):
        return {"dataframe_records": [{"audio": audio, "machine": machine}]}

    def file_of(samples):
        file = io.BytesIO()
        sf.write(file, samples, 16000, format="WAV")
        return base64.b64encode(file.getvalue()).decode()

    whole = encoded(1)
    bad = [
        one("AAAA"), one(""), one(whole[:40]), one(file_of(np.zeros(8000))), one(file_of(np.zeros(0))),
        one(base64.b64encode(b"no audio" * 10**4).decode()), one(whole, "saw"), one(whole, 7), one("not base64!"),
        {"inputs": {"audio": ["AAAA", "AAAA"], "machine": ["pump", "pump"]}}, {"dataframe_records": [{"sound": whole}]},
        {"what": "nothing"}, [],
    ]  # fmt: skip
    return [json.dumps(body).encode() for body in bad] + [b"{broken", b"", whole.encode()]


def test_clients_at_once_get_the_score_of_the_pipeline_or_a_sentence(server, model):
    rng = np.random.default_rng(0)
    # No longer than what is scored as one clip; the pipeline knows no windows.
    waves = [wave(1000 + i, int(rng.integers(4000, 11000)), float(rng.uniform(200, 2000))) for i in range(150)]
    files = []
    for one in waves:
        file = io.BytesIO()
        sf.write(file, one, 16000, format="WAV", subtype="FLOAT")
        files.append(file.getvalue())
    # As stage `evaluate` scores, each clip alone.
    params = tiny_params(embedding={"layer": 1, "pooling": "bands"}, bank={"density_neighbours": 1})
    embedder = EncoderEmbedder(load_encoder(model.parent / "encoder.pt"), params.embedding)
    bank = MachineReference.load(model.parent / "banks" / "pump").bank
    scores = [float(bank.score_samples(embedder.embed([read_clip(io.BytesIO(file))]))[0]) for file in files]
    assert np.ptp(scores) > 1000 * TOLERANCE
    texts = [base64.b64encode(file).decode() for file in files]
    broken = broken_bodies()
    said = set()

    def rows_of(number):
        # One or two recordings, in an order that never repeats within the run.
        return [(7 * number + i * (number // 150 + 1)) % len(files) for i in range(1 + number % 2)]

    def body_of(number):
        if number % BROKEN_EVERY == 0:
            return broken[number // BROKEN_EVERY % len(broken)]
        rows = [{"audio": texts[row], "machine": "pump"} for row in rows_of(number)]
        return json.dumps({"dataframe_records": rows}).encode()

    def problem_with(number, status, text):
        if number % BROKEN_EVERY == 0:
            sentence = json.loads(text).get("message", "")
            said.add(sentence[:60])
            is_sentence = isinstance(sentence, str) and sentence[:1].isupper() and "." in sentence
            return None if 400 <= status < 500 and is_sentence and "Traceback" not in sentence else "not a sentence"
        answers = json.loads(text)["predictions"]
        expected = [scores[row] for row in rows_of(number)]
        worst = max(abs(one["score"] - score) for one, score in zip(answers, expected, strict=True))
        worsts.append(worst)
        return None if status == 200 and worst <= TOLERANCE else expected

    worsts: list[float] = []
    states = ask_at_once(server, CLIENTS_AT_ONCE, REQUESTS_AT_ONCE, body_of, problem_with)
    print(f"largest difference {max(worsts):.1e} of {len(worsts)}; {len(said)} sentences: {sorted(said)}")
    assert len(worsts) == REQUESTS_AT_ONCE * (BROKEN_EVERY - 1) // BROKEN_EVERY
    assert len(said) >= 8
    check_flat("requests at once", states)
