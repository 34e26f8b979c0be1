"""What several hosts share, as processes on loopback: PostgreSQL, object storage, an MLflow server."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

START_S = 300.0
KEYS = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1"}


def need(*modules: str, commands: tuple[str, ...] = ()) -> None:
    """Skip a test where a package or a command is not there."""
    for module in modules:
        if find_spec(module) is None:
            pytest.skip(f"the package {module} is not installed")
    for command in commands:
        if shutil.which(command) is None:
            pytest.skip(f"the command {command} is not installed")


@contextmanager
def postgresql(*databases: str) -> Iterator[str]:
    """Run PostgreSQL with some empty databases; yield the start of their addresses, up to the name."""
    import psycopg

    # It refuses to run as root, and nobody may look into pytest's folders.
    user = {"user": "nobody", "group": "nogroup"} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    if user:
        shutil.chown(folder, **user)
    port = free_port()
    make = ["initdb", "--pgdata", folder / "data", "--auth", "trust", "--username", "stridor", "--no-sync"]
    run = ["postgres", "-D", folder / "data", "-k", folder, "-h", "127.0.0.1", "-p", f"{port}", "-c", "fsync=off"]
    subprocess.run(make, check=True, capture_output=True, cwd=folder, **user)
    # By SIGTERM it would wait for those that are still connected.
    with process(run, folder / "log", signal.SIGINT, cwd=folder, **user) as server:
        url = f"postgresql://stridor@127.0.0.1:{port}/"
        end = time.monotonic() + START_S
        while True:
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end
            with suppress(psycopg.OperationalError), psycopg.connect(f"{url}postgres", autocommit=True) as connection:
                for database in databases:
                    connection.execute(f"CREATE DATABASE {database}")
                break
            time.sleep(0.1)
        yield url.replace("postgresql:", "postgresql+psycopg:")
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def object_storage(folder: Path, bucket: str) -> Iterator[str]:
    """Run S3-compatible storage with an empty bucket; yield its address. `KEYS` open it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with process([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", f"{port}"], folder / "moto.log"):
        wait_for(f"{url}/moto-api/")
        request = urllib.request.Request(f"{url}/{bucket}", method="PUT", headers={"Host": "s3.amazonaws.com"})
        urllib.request.urlopen(request, timeout=START_S).close()
        yield url


@contextmanager
def mlflow_server(folder: Path, backend: str | None = None) -> Iterator[str]:
    """Run an MLflow server that also serves artefacts; yield its address."""
    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", backend or f"sqlite:///{folder}/server.db",
        "--serve-artifacts", "--artifacts-destination", f"{folder}/served", "--port", f"{port}", "--workers", "1",
    ]  # fmt: skip
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with process(command, folder / "mlflow.log", cwd=folder, env=environment):
        wait_for(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def process(command: list, log: Path, stop: int = signal.SIGTERM, **options: object) -> Iterator[subprocess.Popen]:
    """Run a process, and end it and those that it has started."""
    with log.open("wb") as output:
        started = subprocess.Popen(command, stdout=output, stderr=output, process_group=0, **options)
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, stop)
        try:
            started.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def free_port() -> int:
    """Return a port of loopback that nobody listens to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(url: str) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.2)
    pytest.fail(f"{url} does not answer")
