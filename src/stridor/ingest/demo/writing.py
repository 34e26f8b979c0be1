"""Making the planned clips and writing them down in the layout of DCASE 2025 Task 2."""

import csv
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile

from stridor.common.errors import StridorError
from stridor.common.saving import sound_written
from stridor.common.seeds import rng_for
from stridor.ingest.demo.catalogue import CATALOGUE, DemoMachine
from stridor.ingest.demo.machine import synthesise
from stridor.ingest.demo.microphone import digitise, mix
from stridor.ingest.demo.plan import PlannedClip, plan
from stridor.ingest.demo.signals import SAMPLE_RATE_HZ

DEMO_SEED = 2025
MACHINES = tuple(machine.name for machine in CATALOGUE)


def render(machine: DemoMachine, clip: PlannedClip, seed: int) -> np.ndarray:
    """Return the samples of one planned clip, ndarray[T], int16, 16 kHz."""
    condition = clip.condition
    domain = machine.domains[condition.domain]

    def machine_wave() -> np.ndarray:
        rng = rng_for(seed, machine.name, clip.file_name, "machine")
        settings = machine.settings(dict(condition.attributes))
        return domain.microphone.record(synthesise(settings, rng, machine.clip_seconds, clip.fault))

    def noise_wave() -> np.ndarray:
        rng = rng_for(seed, machine.name, clip.file_name, "noise")
        return domain.microphone.record(domain.surroundings.noise(rng, machine.clip_seconds))

    match clip.sound:
        case "machine":
            wave = machine_wave()
        case "noise":
            wave = noise_wave()
        case "both":
            wave = mix(machine_wave(), noise_wave(), condition.snr_db)
    return digitise(wave, condition.level_db, condition.offset_steps)


def generate(
    folder: Path,
    seed: int = DEMO_SEED,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
    machines: Sequence[str] = MACHINES,
) -> None:
    """Write the demo data, `<machine>/{train,test,supplemental}/*.wav` and `<machine>/attributes_00.csv`.

    Parameters
    ----------
    folder : must not exist yet, or be empty
    seed : the same seed writes the same bytes, whatever the number of workers
    workers : processes; 1 stays within this one
    progress : called with the number of clips written so far, and of all clips
    machines : names from `MACHINES`
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StridorError(f"{folder} already holds something; give a folder that is new or empty.")
    if workers < 1:
        raise StridorError(f"workers is {workers}, expected a whole number of processes from 1.")
    chosen = [_find(name) for name in machines]
    jobs = []
    for machine in chosen:
        clips = plan(machine, seed)
        for split in ("train", "test", "supplemental"):
            (folder / machine.name / split).mkdir(parents=True, exist_ok=True)
        _write_attributes(folder / machine.name / "attributes_00.csv", machine, clips)
        jobs += [(machine.name, clip) for clip in clips]

    write = partial(_write_clip, folder, seed)
    if workers == 1:
        _count(map(write, jobs), len(jobs), progress)
        return
    # Spawned, not forked: the caller may hold threads or a GPU.
    with get_context("spawn").Pool(workers) as pool:
        _count(pool.imap_unordered(write, jobs, chunksize=8), len(jobs), progress)


def _find(name: str) -> DemoMachine:
    for machine in CATALOGUE:
        if machine.name == name:
            return machine
    raise StridorError(f"There is no demo machine {name!r}, expected some of {', '.join(MACHINES)}.")


def _write_clip(folder: Path, seed: int, job: tuple[str, PlannedClip]) -> None:
    name, clip = job
    samples = render(_find(name), clip, seed)
    path = folder / name / clip.split / clip.file_name
    with sound_written(path):
        soundfile.write(path, samples, SAMPLE_RATE_HZ, subtype="PCM_16")


def _write_attributes(path: Path, machine: DemoMachine, clips: Sequence[PlannedClip]) -> None:
    """Write the attributes of the training and test clips; hidden ones as empty values."""
    listed = [clip for clip in clips if clip.split != "supplemental"]
    shown = [() if machine.attributes_hidden else clip.condition.attributes for clip in listed]
    columns = max(1, *map(len, shown))
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["file_name", *(f"d{number + 1}{part}" for number in range(columns) for part in "pv")])
        for clip, attributes in zip(listed, shown, strict=True):
            cells = [cell for pair in attributes for cell in pair] or ["", ""] * columns
            table.writerow([f"{machine.name}/{clip.split}/{clip.file_name}", *cells])


def _count(written: Iterable[None], total: int, progress: Callable[[int, int], None] | None) -> None:
    """Go through all clips as they are written, and say so."""
    for done, _ in enumerate(written, start=1):
        if progress is not None:
            progress(done, total)
