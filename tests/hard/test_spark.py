"""The recipe of the operator's page for an archive, run as it stands there on local Spark."""

import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import psutil
import pytest
import soundfile as sf

from mlflow_project import in_project, register_champion, wave, write_detector
from stridor.serving.detector import Detector
from tiny import tiny_params

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operator.md"
RECORDINGS, BROKEN = 300, (7, 77)
TIMEOUT_S = 3600


@pytest.fixture(scope="module")
def project(tmp_path_factory, empty_database):
    """A project with the registered detector valve, and an archive in folders, two of whose files are broken."""
    with in_project(tmp_path_factory.mktemp("project"), empty_database) as root:
        params = tiny_params("valve")
        encoder, banks = write_detector(root, params)
        register_champion("valve", encoder, banks, params, None, {})
        for number in range(RECORDINGS):
            path = root / "archive" / f"week{number % 3}" / f"{number:03d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            if number in BROKEN:
                path.write_bytes(b"RIFF of nothing")
            else:
                sf.write(path, wave(number, 6000 + 13 * number, 300 + number), 16000)
        yield root


def used_by(process):
    """Return the processor time of a process and of all that it has started, in seconds by their ids."""
    used_s = {}
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.Error):
            times = one.cpu_times()
            used_s[one.pid] = times.user + times.system
    return used_s


def test_an_archive_is_scored_by_spark(project):
    if shutil.which("java") is None:
        pytest.skip("there is no Java here, which Spark needs")
    if find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed; pip install pyspark")
    [recipe] = [code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "spark_udf" in code]
    # The store of a project is named by its address, as a cluster would name its server.
    before = f'import mlflow; mlflow.set_tracking_uri("sqlite:///{project / "mlflow.db"}")\n'
    start, used_s = time.monotonic(), {}
    with open(project / "spark.log", "wb") as log:
        process = subprocess.Popen([sys.executable, "-c", before + recipe], cwd=project, stdout=log, stderr=log)
        while process.poll() is None and time.monotonic() - start < TIMEOUT_S:
            used_s |= used_by(psutil.Process(process.pid))
            time.sleep(0.2)
        process.kill()
        process.wait()
    print(f"{RECORDINGS} recordings in {time.monotonic() - start:.0f} s, {sum(used_s.values()):.0f} s of the processor")
    assert process.returncode == 0, (project / "spark.log").read_text()[-5000:]
    found = pd.read_parquet(project / "scores")
    said = {Path(row["path"].removeprefix("file:")): row for row in found.to_dict("records")}
    assert len(said) == len(found) == RECORDINGS
    broken = {int(path.stem): row["error"] for path, row in said.items() if not pd.isna(row["error"])}
    assert set(broken) == set(BROKEN)
    assert all("is not readable audio" in reason for reason in broken.values())
    detector = Detector.load("valve")
    for path, row in said.items():
        if pd.isna(row["error"]):
            expected = detector.score(path)
            assert row["score"] == pytest.approx(expected.score, abs=1e-5)
            assert (row["anomalous"], row["nearest"]) == (expected.anomalous, expected.nearest)
