"""A running app whose detector learnt six humming clips."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from stridor.application.listener import Listener
from stridor.application.server import make_app
from tiny_model import write_model_and_normals


@dataclass
class Running:
    address: str
    detector: str
    listener: Listener
    confirmed: Path


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    model = write_model_and_normals(folder / "model", ["pump"])
    listener = Listener([str(model), str(folder / "gone")], model / "normals", folder / "confirmed")
    server = uvicorn.Server(uvicorn.Config(make_app(listener), port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Running(f"http://127.0.0.1:{port}", str(model), listener, folder / "confirmed")
    server.should_exit = True
    thread.join(timeout=30)
