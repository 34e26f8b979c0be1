"""Enrolment: a detector of a new machine from 30 clips of 10 s, from the imports on to the registered version."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.encoder import example
from benchmarks.growth import ROOT
from benchmarks.harness import Bench, spread
from stridor.audio.files import SAMPLE_RATE_HZ, write_clip
from stridor.models.checkpoint import save_encoder

# On two cores, as docs/operator.md says.
PROMISED_SECONDS = 30
ENROL = """
import sys, time
from pathlib import Path
import mlflow
from stridor.operation.enrolment import enrol
wall, cpu = time.perf_counter(), time.process_time()
standing, _ = enrol("press7", [Path("shifts")], None, Path("encoder.pt"), float(sys.argv[1]))
print(time.perf_counter() - wall, time.process_time() - cpu, standing.version)
"""


def run(bench: Bench) -> None:
    """Enrol a machine in a project of its own, each time in a new process."""
    clips, seconds = (6, 1) if bench.tiny else (30, 10)
    for preset in ("mini",) if bench.tiny else ("mini", "base"):
        found = []
        for _ in range(bench.repeats):
            with tempfile.TemporaryDirectory() as folder:
                write_project(Path(folder), preset, clips, seconds)
                wall, cpu, _ = map(float, _python(Path(folder), "-c", ENROL, str(seconds)).split())
                found.append((wall, cpu))
        wall, cpu = (min(one) for one in zip(*found, strict=True))
        bench.note(
            "enrolment", f"{preset}, {clips} clips of {seconds} s", f"{wall:.1f} s, {cpu:.1f} s",
            f"{wall / PROMISED_SECONDS:.0%} of {PROMISED_SECONDS} s by the clock, {cpu / PROMISED_SECONDS / 2:.0%} of "
            "two cores for that long",
            f"{spread([one[1] for one in found], '{:.1f}')} s",
        )  # fmt: skip


def write_project(folder: Path, preset: str, clips: int, seconds: float) -> None:
    """Write a project with this one's params.yaml, an empty store, an encoder and recordings of a hum in noise."""
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    save_encoder(example(preset), folder / "encoder.pt")
    rng, time_s = np.random.default_rng(0), np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    (folder / "shifts").mkdir()
    for number in range(clips):
        hum = 0.1 * np.sin(2 * np.pi * rng.uniform(100, 120) * time_s)
        write_clip(folder / f"shifts/{number:02d}.wav", hum + 0.02 * rng.standard_normal(len(time_s)).clip(-4, 4))
    _python(folder, "-m", "stridor", "store", "create")


def _python(folder: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"a process of the benchmark failed:\n{done.stderr}")
    # MLflow may say something before.
    return done.stdout.strip().rpartition("\n")[2]
