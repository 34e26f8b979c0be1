"""What listens listens on this machine only, and nothing that came from outside is ever unpickled or run."""

import io
import json
import os
import pickle
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from mlflow_project import in_project, register_champion, wave, write_detector
from stridor.common.errors import StridorError
from stridor.models.checkpoint import load_encoder, save_encoder
from stridor.params.sections import DetectorParams
from tiny import tiny_encoder, tiny_params

ROOT = Path(__file__).resolve().parents[2]
STARTING_SECONDS = 240


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch '{self.canary}'",)


@pytest.fixture
def canary(tmp_path):
    """A file that only code in a malicious file would write; a trap that works, or the tests would see nothing."""
    path = tmp_path / "canary"
    pickle.loads(pickle.dumps(Trap(path)))
    assert path.exists()
    path.unlink()
    yield path
    assert not path.exists()


@pytest.fixture(scope="module")
def project(tmp_path_factory, empty_database):
    """A project with a registered detector of a pump."""
    with in_project(tmp_path_factory.mktemp("project"), empty_database) as root:
        params = tiny_params(embedding={"layer": 1}).model_copy(
            update={"detectors": {"pump": DetectorParams(machines=("pump",))}}
        )
        encoder, banks = write_detector(root, params)
        register_champion("pump", encoder, banks, params.for_detector("pump"), None, {"hmean": 0.5})
        yield root


def listening(command, folder, port):
    """Start a server, wait until it listens on the port, and return all addresses that it listens on."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    server = subprocess.Popen(
        ["bash", "-c", command], cwd=folder, env=environment | {"PATH": path}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + STARTING_SECONDS
        while time.monotonic() < deadline and server.poll() is None:
            found = [
                one.laddr
                for process in [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
                for one in process.net_connections(kind="inet")
                if one.status == psutil.CONN_LISTEN
            ]
            if port in [address.port for address in found]:
                return {address.ip for address in found}
            time.sleep(0.2)
        server.kill()
        raise AssertionError(f"{command} does not listen: {server.communicate()[0].decode(errors='replace')}")
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_make_ui_listens_on_loopback(project):
    [recipe] = re.findall(r"^\t(.*mlflow ui.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    port = free_port()
    assert listening(f"{recipe} --port {port}", project, port) == {"127.0.0.1"}


def test_a_served_detector_listens_on_loopback(project):
    guide = (ROOT / "docs" / "operator.md").read_text()
    [command] = re.findall(r"# or: (mlflow models serve .*)$", guide, re.MULTILINE)
    port = free_port()
    command = command.replace("stridor-valve", "stridor-pump").replace("-p 8080", f"-p {port}")
    assert shlex.split(command)[-1] == str(port)
    # The documented store, of the folder that it is started in.
    command = f"MLFLOW_TRACKING_URI=sqlite:///mlflow.db {command}"
    assert listening(command, project, port) == {"127.0.0.1"}


def test_the_app_listens_on_loopback(project):
    port = free_port()
    assert listening(f"stridor app --detector pump --port {port}", project, port) == {"127.0.0.1"}


def test_nothing_else_in_the_package_opens_a_port():
    opens = re.compile(r"http\.server|socketserver|uvicorn|create_server|\.bind\(|\.listen\(\d")
    found = [path for path in (ROOT / "src").rglob("*.py") if opens.search(path.read_text(encoding="utf-8"))]
    assert {path.relative_to(ROOT / "src/stridor").as_posix() for path in found} == {
        "application/server.py",
        "cli/app.py",
    }


def malicious_checkpoints(canary):
    """Yield checkpoints that hold a trap, in each form that PyTorch reads or has ever read."""
    trap, file = Trap(canary), io.BytesIO()
    sound = {"cfg": tiny_encoder().to_cfg(), "model": tiny_encoder().state_dict()}
    for held in (trap, sound | {"cfg": trap}, sound | {"model": sound["model"] | {"x": trap}}, sound | {"more": trap}):
        for how in ({}, {"_use_new_zipfile_serialization": False}):
            file = io.BytesIO()
            torch.save(held, file, **how)
            yield file.getvalue()
        for protocol in (0, 2, 4, 5):
            yield pickle.dumps(held, protocol=protocol)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            info, content = tarfile.TarInfo(name), pickle.dumps(trap, protocol=2)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    yield packed.getvalue()


def test_a_checkpoint_is_never_unpickled(tmp_path, canary, capfd):
    from stridor.cli.main import main

    for number, content in enumerate(malicious_checkpoints(canary)):
        path = tmp_path / f"{number}.pt"
        path.write_bytes(content)
        with pytest.raises(StridorError, match=rf"{number}\.pt"):
            load_encoder(path)
        with pytest.raises(SystemExit) as left:
            main(["checkpoint", "show", str(path)])
        assert left.value.code == 2
        said = capfd.readouterr().err
        assert said.startswith("stridor: ")
        assert said.count("\n") == 1
        assert not canary.exists()


def test_a_torchscript_archive_is_never_run(tmp_path, canary):
    class Module(torch.nn.Module):
        def forward(self, x):
            return x

    torch.jit.script(Module()).save(str(tmp_path / "script.pt"))
    with pytest.raises(StridorError, match=r"script\.pt"):
        load_encoder(tmp_path / "script.pt")


def test_a_state_of_training_is_never_unpickled(tmp_path, canary):
    from stridor.training.resume import ResumeFolder

    resume = ResumeFolder(tmp_path / "resume", "inputs")
    torch.save({"epoch": Trap(canary)}, resume.folder / "state.pt")
    torch.save({"x": Trap(canary)}, resume.folder / "stage_one.pt")
    for read in (resume.load, resume.stage_one):
        with pytest.raises(StridorError, match="which are never loaded"):
            read()


def test_an_autoencoder_is_never_unpickled(tmp_path, canary):
    from stridor.baselines.machine import WEIGHTS_FILE, MachineAutoencoder

    torch.save({"network": Trap(canary), "covariances": {}}, tmp_path / WEIGHTS_FILE)
    with pytest.raises(StridorError, match="which are never loaded"):
        MachineAutoencoder.load(tmp_path)


def test_a_bank_is_never_unpickled(tmp_path, canary):
    from stridor.scoring.bank import ReferenceBank
    from stridor.scoring.bank_files import EMBEDDINGS_FILE
    from stridor.scoring.joined import load_bank

    bank = ReferenceBank().fit(np.eye(4), ["source"] * 4, list("abcd"))
    bank.save(tmp_path / "bank")
    np.save(tmp_path / "bank" / EMBEDDINGS_FILE, np.array([Trap(canary)], dtype=object), allow_pickle=True)
    with pytest.raises(StridorError, match="objects, which are never loaded"):
        load_bank(tmp_path / "bank")
    (tmp_path / "bank" / EMBEDDINGS_FILE).write_bytes(pickle.dumps(Trap(canary)))
    with pytest.raises(StridorError, match="does not contain a readable bank"):
        load_bank(tmp_path / "bank")


@pytest.fixture
def model(project, tmp_path):
    """The folder of a registered detector, copied, with a recording beside it."""
    import shutil

    from stridor.audio.files import write_clip
    from stridor.tracking.model_files import download_model

    folder = download_model("pump", tmp_path / "downloaded")
    shutil.copytree(folder, tmp_path / "model")
    write_clip(tmp_path / "new.wav", wave(5))
    return tmp_path / "model"


def test_no_code_of_a_registered_model_is_run(model, canary):
    from stridor.serving.detector import Detector

    # A model brings its code, and may bring a pickled one.
    for file in model.rglob("*.py"):
        file.write_text(f"open({str(canary)!r}, 'w')\n")
    (model / "python_model.pkl").write_bytes(pickle.dumps(Trap(canary)))
    description = model / "MLmodel"
    text = description.read_text()
    description.write_text(text.replace("loader_module: mlflow.pyfunc.model", "loader_module: antigravity"))
    assert np.isfinite(Detector.load(model).score(model.parent / "new.wav").score)


@pytest.mark.parametrize("part", ["encoder.pt", "embeddings.npy", "bank.json", "calibration.json", "MLmodel"])
def test_a_file_of_a_registered_model_is_never_unpickled(model, canary, part):
    from stridor.serving.detector import Detector

    [path] = model.rglob(part)
    path.write_bytes(pickle.dumps({"cfg": {}, "model": Trap(canary)}, protocol=2))
    with pytest.raises(StridorError):
        Detector.load(model)


def test_a_description_of_a_model_constructs_no_objects(model, canary):
    from stridor.serving.detector import Detector

    description = model / "MLmodel"
    text = description.read_text()
    for tag in (f"!!python/object/apply:os.system ['touch {canary}']", "!!python/name:os.system"):
        description.write_text(f"{text}\nmore: {tag}\n")
        with pytest.raises(StridorError, match="MLmodel"):
            Detector.load(model)


def test_a_model_names_no_files_outside_of_its_folder(model):
    from stridor.serving.detector import Detector

    save_encoder(tiny_encoder(), model.parent / "encoder.pt")
    description = model / "MLmodel"
    text = description.read_text()
    for place in ("../encoder.pt", str(model.parent / "encoder.pt")):
        description.write_text(re.sub(r"path: .*encoder\.pt", f"path: {place}", text))
        assert description.read_text() != text
        with pytest.raises(StridorError, match="lies outside of its folder"):
            Detector.load(model)


def test_the_storage_of_a_study_is_never_unpickled(tmp_path, canary, monkeypatch):
    import optuna

    from stridor.experiments.tuning.storage import open_storage
    from stridor.experiments.tuning.study import best_of, counted, default_trial, trials_in

    monkeypatch.chdir(tmp_path)
    held = [
        pickle.dumps(Trap(canary)), pickle.dumps(Trap(canary), protocol=0).decode("latin-1"),
        json.dumps({"py/reduce": [{"py/function": "os.system"}, {"py/tuple": [f"touch '{canary}'"]}]}),
        json.dumps({"name": "os.system", "attributes": {"command": f"touch '{canary}'"}}),
        f"!!python/object/apply:os.system ['touch {canary}']",
    ]  # fmt: skip
    columns = [
        ("trial_params", "distribution_json"), ("trial_user_attributes", "value_json"),
        ("study_user_attributes", "value_json"), ("trial_system_attributes", "value_json"),
    ]  # fmt: skip
    refused = 0
    for number, (content, (table, column)) in enumerate((one, place) for one in held for place in columns):
        url = f"sqlite:///study_{number}.db"
        study = optuna.create_study(storage=open_storage(url), study_name="pump", direction="maximize")
        study.set_user_attr("a", 1)
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        trial.set_user_attr("default", True)
        study._storage.set_trial_system_attr(trial._trial_id, "b", 1)
        study.tell(trial, 0.5)
        with sqlite3.connect(tmp_path / f"study_{number}.db") as database:
            assert database.execute(f"UPDATE {table} SET {column} = ?", (content,)).rowcount
        again = optuna.load_study(study_name="pump", storage=open_storage(url))
        said = "'pump'"
        try:
            trials_in(again, "COMPLETE"), counted(again), best_of(again), default_trial(again)
        except StridorError as error:
            refused, said = refused + 1, str(error)
        assert "'pump'" in said
        assert not canary.exists()
    assert refused


def test_downloads_are_pinned_by_a_digest(tmp_path):
    from dataclasses import replace

    from stridor.ingest.checkpoints.fetching import check
    from stridor.ingest.checkpoints.published import CHECKPOINTS
    from stridor.ingest.dcase.pins import Pins
    from stridor.ingest.dcase.record import RecordFile

    for one in CHECKPOINTS.values():
        assert re.fullmatch("[0-9a-f]{64}", one.sha256)
        assert all(source.startswith("https://") for source in one.sources)
        (tmp_path / "other.pt").write_bytes(b"of the same size")
        with pytest.raises(StridorError, match=r"has the SHA-256 [0-9a-f]{64}"):
            check(tmp_path / "other.pt", replace(one, bytes=16))
    # An archive is the one that was fetched first.
    pins, file = Pins(tmp_path / "pins.csv"), RecordFile("101", "dev_fan.zip", 7, "0" * 32)
    pins.add(file)
    with pytest.raises(StridorError, match=r"dev_fan\.zip"):
        Pins(tmp_path / "pins.csv").refuse_another(replace(file, md5="1" * 32), "dev_fan")
