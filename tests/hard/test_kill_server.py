"""MLflow's server under load, killed at random moments and started again on the same database.

Every other time the clients are killed with it; otherwise they wait for the new server and go on.
"""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest

from hard.killing import KILLS, TIMEOUT_S

CLIENTS, RUNS, STEPS = 3, 4, 10
# Logs runs as stages do, and writes down what the server has confirmed.
CLIENT = """
import json, sys
from pathlib import Path
from stridor.common.errors import one_sentence
from stridor.tracking.later import later_run
with one_sentence(), open({confirmed!r}, "a", buffering=1) as confirmed:
    Path({file!r}).write_text("a file")
    for number in range({runs}):
        with later_run("load", {{"k": "1"}}, {{"kind": "load"}}, "stridor") as run:
            for step in range({steps}):
                run.log_epoch(step, {{"loss": step / 7}})
                print(json.dumps([run.run_id, step]), file=confirmed)
            run.log_file(Path({file!r}))
        print(json.dumps([run.run_id, "ended"]), file=confirmed)
"""


class Server:
    """MLflow's server on a database in a folder; it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        place = [
            "--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db",
            "--artifacts-destination", f"{self.folder}/artifacts",
        ]  # fmt: skip
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *place, "--port", str(self.port), "--workers", "1"],
                stdout=log, stderr=log, process_group=0, cwd=self.folder,
                env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            )  # fmt: skip
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            assert self.process.poll() is None, (self.folder / "server.log").read_text()[-3000:]
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=5):
                return
            time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        """Kill its process group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        # The kernel takes the other processes of the group apart when it comes to that.
        end = time.monotonic() + TIMEOUT_S
        while self.listens():
            assert time.monotonic() < end, "a process of the server goes on"
            time.sleep(0.01)

    def listens(self) -> bool:
        """Tell whether anybody still listens on its port."""
        with socket.socket() as asked:
            return asked.connect_ex(("127.0.0.1", self.port)) == 0

    def rows(self, query: str) -> list[tuple]:
        """Return what the database says."""
        with closing(sqlite3.connect(self.folder / "mlflow.db", timeout=60)) as database:
            return database.execute(query).fetchall()


class Load:
    """Clients that log runs."""

    def __init__(self, server: Server, python: Path, name: str, runs: int = RUNS) -> None:
        self.folder = server.folder / name
        self.folder.mkdir()
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_HTTP")
        } | {
            "MLFLOW_TRACKING_URI": server.url, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            # Patience for a busy machine, on which a server takes minutes to start.
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "10",
        }  # fmt: skip
        self.processes = []
        for number in range(CLIENTS):
            code = CLIENT.format(
                confirmed=str(self.folder / f"{number}.jsonl"),
                file=str(self.folder / f"{number}.txt"), runs=runs, steps=STEPS,
            )  # fmt: skip
            with open(self.folder / f"{number}.log", "wb") as log:
                self.processes.append(
                    subprocess.Popen([python, "-c", code], stdout=log, stderr=log, env=environment, cwd=self.folder)
                )

    def wait(self) -> list[int]:
        """Return the exit codes."""
        return [process.wait(TIMEOUT_S) for process in self.processes]

    def kill(self) -> None:
        """Kill the clients."""
        for process in self.processes:
            process.kill()
            process.wait()

    def said(self) -> str:
        """Return what the clients have printed."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def confirmed(self) -> list[tuple[str, int | str]]:
        """Return what the server has confirmed; a line that was cut off counts for nothing."""
        found = []
        for path in self.folder.glob("*.jsonl"):
            for line in path.read_text().splitlines():
                with suppress(ValueError):
                    found.append(tuple(json.loads(line)))
        return found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A running server; every test leaves one that runs."""
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def undisturbed_s(server, forked_python):
    """How long the clients take."""
    started = time.monotonic()
    load = Load(server, forked_python.executable, "undisturbed")
    assert load.wait() == [0] * CLIENTS, load.said()
    assert len(load.confirmed()) == CLIENTS * RUNS * (STEPS + 1)
    check_confirmed(server, load)
    return time.monotonic() - started


def check_confirmed(server, load):
    """Check that the database holds everything that the server has confirmed, once."""
    steps = Counter(server.rows("SELECT run_uuid, step FROM metrics WHERE key = 'loss'"))
    status = dict(server.rows("SELECT run_uuid, status FROM runs"))
    for run, said in load.confirmed():
        if said == "ended":
            assert status[run] == "FINISHED"
        else:
            assert steps[run, said] == 1, (run, said)


def test_a_killed_server_goes_on_where_it_was(server, undisturbed_s, forked_python, seed, number):
    moment = undisturbed_s * (number + random.Random(f"{seed} server {number}").random()) / KILLS
    clients_too = bool(number % 2)
    print(f"kill {number} after {moment:.2f} s of {undisturbed_s:.2f} s, clients {'too' if clients_too else 'live'}")
    load = Load(server, forked_python.executable, f"kill_{number}")
    time.sleep(moment)
    server.kill()
    if clients_too:
        load.kill()
    assert server.rows("PRAGMA integrity_check") == [("ok",)]
    server.start()
    if not clients_too:
        assert load.wait() == [0] * CLIENTS, load.said()
        assert len(load.confirmed()) == CLIENTS * RUNS * (STEPS + 1)
    while clients_too and forked_python.jobs():
        time.sleep(0.01)
    # The next call of anybody ends what nobody works on any more.
    last = Load(server, forked_python.executable, f"after_{number}", runs=1)
    assert last.wait() == [0] * CLIENTS, last.said()
    check_confirmed(server, load)
    check_confirmed(server, last)
    assert server.rows("SELECT run_uuid, name FROM runs WHERE status = 'RUNNING'") == []
    assert not list(server.folder.glob("*.db-journal"))
    assert server.rows("PRAGMA integrity_check") == [("ok",)]
