"""The Dockerfile's steps in a fresh environment: what it installs serves a detector, to a user without rights."""

import base64
import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
import soundfile as sf

from hard.dockerfile import build, pip_variables, read_steps
from hard.killing import TIMEOUT_S
from mlflow_project import in_project, register_champion, wave, write_detector
from stridor.serving.detector import Detector
from tiny import tiny_params

PROJECT = Path(__file__).resolve().parents[2]
START_S = 5 * TIMEOUT_S


@pytest.fixture(scope="module")
def root():
    """A folder that every user of this machine may read."""
    folder = Path(tempfile.mkdtemp(prefix="stridor-container-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def model(root, tmp_path_factory, empty_database):
    """The folder of a registered detector, in the root."""
    with in_project(tmp_path_factory.mktemp("project"), empty_database) as project:
        params = tiny_params()
        encoder, banks = write_detector(project, params)
        register_champion("pump", encoder, banks, params, None, {})
        return Path(mlflow.artifacts.download_artifacts("models:/stridor-pump@champion", dst_path=str(root / "model")))


@pytest.fixture(scope="module")
def built(root):
    """The image's stand-in."""
    asked = subprocess.run([sys.executable, "-m", "pip", "index", "versions", "click"], capture_output=True, text=True)
    if asked.returncode:
        pytest.skip(f"pip reaches no registry here: {asked.stderr.strip().splitlines()[-1]}")
    arguments = {}
    [index] = [one.rest.partition("=")[2] for one in read_steps((PROJECT / "Dockerfile").read_text())
               if one.rest.startswith("TORCH_INDEX=")]  # fmt: skip
    try:
        urllib.request.urlopen(f"{index}/torch/", timeout=10).close()
    except OSError as error:
        # pip takes what its own settings name, such as wheels on the disk.
        print(f"{index} cannot be reached ({error}); PyTorch comes from where pip finds it.")
        arguments["TORCH_INDEX"] = "https://pypi.org/simple"
    start = time.monotonic()
    built = build(PROJECT, root, arguments, pip_variables())
    size = sum(path.stat().st_size for path in (root / "venv").rglob("*") if path.is_file() and not path.is_symlink())
    print(f"installed in {time.monotonic() - start:.0f} s, {size / 2**30:.2f} GiB")
    return built


def healthy(built, given):
    return subprocess.run(["sh", "-c", built.health], env=built.variables(given), capture_output=True).returncode == 0


def is_for_everybody(path):
    return all(one.stat().st_mode & 0o001 for one in (path, *path.parents))


def test_the_image_is_lean_and_its_server_answers(built, model):
    installed = subprocess.run(["pip", "list", "--format=json"], env=built.variables({}), capture_output=True)
    names = {one["name"].lower() for one in json.loads(installed.stdout)}
    assert "stridor" in names
    assert not names & {"dvc", "optuna", "mlflow", "matplotlib", "pytest", "lightning-fabric"}
    assert built.ports == [built.environment["PORT"]]
    user, _, group = built.user.partition(":")
    assert int(user) > 0
    assert int(group) > 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {"STRIDOR_MODEL": str(model), "PORT": str(port)}
    assert not healthy(built, given)
    rights = {}
    if os.getuid() == 0 and is_for_everybody(Path(sys.executable).resolve()):
        rights = {"user": int(user), "group": int(group), "extra_groups": []}
    else:
        print("The server runs as the user of this test, whose Python others may not run.")
    with open(built.root / "server.log", "wb") as log:
        server = subprocess.Popen(
            built.command, env=built.variables(given), cwd=built.folder, stdout=log, stderr=log,
            start_new_session=True, **rights,
        )  # fmt: skip
    try:
        end = time.monotonic() + START_S
        while not healthy(built, given):
            assert server.poll() is None, (built.root / "server.log").read_text()
            assert time.monotonic() < end
            time.sleep(1)
        file = io.BytesIO()
        sf.write(file, wave(5, 9000, 440), 16000, format="WAV")
        for audio, status in ((file.getvalue(), 200), (b"no audio", 400)):
            body = {"dataframe_records": [{"audio": base64.b64encode(audio).decode(), "machine": "pump"}]}
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)) as connection:
                connection.request("POST", "/invocations", json.dumps(body), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read().decode()
            assert answer.status == status, text
            if status == 200:
                [said] = json.loads(text)["predictions"]
            else:
                assert json.loads(text)["message"].startswith("Row 0 of the input is not readable audio")
        (built.root / "clip.wav").write_bytes(file.getvalue())
        expected = Detector.load(str(model)).score(built.root / "clip.wav")
        assert said["score"] == pytest.approx(expected.score, abs=1e-5)
        assert said["anomalous"] == expected.anomalous
        # As `docker stop` does.
        server.send_signal(signal.SIGTERM)
        server.wait(TIMEOUT_S)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def test_the_image_also_scores_files(built, model):
    sf.write(built.root / "other.wav", wave(6, 9000, 440), 16000)
    done = subprocess.run(
        ["stridor", "score", str(built.root / "other.wav"), "--detector", str(model), "--json"],
        env=built.variables({}), cwd=built.folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["score"] == pytest.approx(
        Detector.load(str(model)).score(built.root / "other.wav").score, abs=1e-5
    )
