"""Time the import of many recordings of 10 s, compared with a plain copy: `python benchmarks/importing.py 10000`."""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.ingest.recordings import import_folder

SAMPLES = 10 * SAMPLE_RATE_HZ


def write_recordings(folder: Path, count: int) -> None:
    """Write recordings of noise that differ from each other."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    noise = (generator.standard_normal(11 * SAMPLES) * 3000).astype(np.int16)
    for number in range(count):
        start = int(generator.integers(0, 10 * SAMPLES))
        wave = noise[start : start + SAMPLES].copy()
        wave[:8] = generator.integers(-9999, 9999, 8)
        soundfile.write(folder / f"{number:06}.wav", wave, SAMPLE_RATE_HZ)


def main(count: int) -> None:
    """Import `count` recordings into a new project."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        write_recordings(root / "recordings/pump/normal", count)
        started = time.perf_counter()
        shutil.copytree(root / "recordings", root / "copy")
        copied = time.perf_counter() - started
        shutil.rmtree(root / "copy")
        project = root / "project"
        project.mkdir()
        shutil.copy(Path(__file__).resolve().parents[1] / "params.yaml", project)
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
        subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=project, check=True)
        started = time.perf_counter()
        import_folder(root / "recordings", project, fresh=True)
        imported = time.perf_counter() - started
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count} recordings: copied in {copied:.1f} s, imported in {imported:.1f} s, {memory:.0f} MB at most")


if __name__ == "__main__":
    main(int(sys.argv[1]))
