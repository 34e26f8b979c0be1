"""Growth: longer clips with their memory, and more detectors in params.yaml."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import Bench

ROOT = Path(__file__).resolve().parents[1]
MEMORY = """
import resource, sys, time, torch
from stridor.models.beats import random_beats
from stridor.models.config import PRESETS
model = random_beats(PRESETS["mini"], 0).eval()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
wave = torch.randn(1, int(float(sys.argv[1]) * 16000))
with torch.inference_mode():
    started = time.process_time()
    model(wave, up_to=4)
    took = time.process_time() - started
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(took, before / 1024, after / 1024)
"""
READ = "from stridor.params import read_params; read_params()"
# What `stridor repro` asks of DVC before anything else: all stages with their dependencies and parameters.
PARSE = "from dvc.repo import Repo; stages = Repo('.').index.stages; print(len(stages))"


def run(bench: Bench) -> None:
    """Measure each size in a process of its own."""
    for seconds in (1,) if bench.tiny else (5, 10, 20, 40):
        took, before, after = map(float, _process(MEMORY, str(seconds), cwd=ROOT).split())
        bench.note(
            "length",
            f"mini, one clip of {seconds} s",
            f"{1000 * took:.0f} ms of processor time",
            f"{1000 * took / seconds:.0f} ms a second of audio",
            f"{after:.0f} MB at the peak, {before:.0f} MB without the clip",
        )
    for detectors in (2,) if bench.tiny else (1, 100, 1_000):
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            write_project(project, detectors)
            for case, code in {"read by stridor": READ, "parsed by DVC": PARSE}.items():
                started = time.perf_counter()
                said = _process(code, cwd=project).strip()
                took = time.perf_counter() - started
                stages = f"{said} stages" if said else ""
                bench.note("detectors", f"{detectors:,}, {case}", f"{took:.2f} s",
                           f"{1000 * took / detectors:.1f} ms a detector", stages)  # fmt: skip


def write_project(folder: Path, detectors: int) -> None:
    """Write a project with a number of detectors: this one's dvc.yaml and the other values of its params.yaml."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe")
    values = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["detectors"] = {f"pump_{number:04d}": {"machines": [f"pump_{number:04d}"]} for number in range(detectors)}
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(values, file)
    (folder / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


def _process(code: str, *arguments: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"a process of the benchmark failed:\n{done.stderr}")
    return done.stdout
