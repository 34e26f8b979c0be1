"""Synthetic machines for pre-training: every clip another machine, in another place, at another microphone.

Nothing of it is the demo data: settings are drawn from their whole ranges, for each clip anew, from other seeds.

    python pretrained/recipe/machines.py --out FOLDER [--clips 4000] [--seed 7] [--workers 2]
"""

from functools import partial
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
import soundfile
from tqdm import tqdm

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError, one_sentence
from stridor.common.seeds import rng_for
from stridor.ingest.demo import (
    DEMO_SEED,
    Bearing,
    Fan,
    Fault,
    Gearbox,
    Machine,
    Microphone,
    Slider,
    Surroundings,
    ToyCar,
    ToyTrain,
    Valve,
    digitise,
    mix,
    synthesise,
)

KINDS: tuple[type[Machine], ...] = (Bearing, Fan, Gearbox, Slider, ToyCar, ToyTrain, Valve)
RATE_HZ = 16000
SECONDS = 7.0
# The rest is a machine alone (a tenth) or a place alone (a tenth).
IN_NOISE = 0.8
FAULTY = 0.4
SNR_DB = (-5.0, 20.0)


def draw_clip(rng: np.random.Generator, seconds: float = SECONDS) -> np.ndarray:
    """Return a clip of a random machine, int16 array [T], 16 kHz."""
    microphone = Microphone.draw(rng)
    kind = rng.random()
    if kind >= (1 + IN_NOISE) / 2:
        wave = microphone.record(Surroundings.draw(rng).noise(rng, seconds))
    else:
        machine = KINDS[rng.integers(len(KINDS))].draw(rng)
        fault = Fault(str(rng.choice(machine.FAULTS)), rng.random()) if rng.random() < FAULTY else None
        wave = microphone.record(synthesise(machine, rng, seconds, fault))
        if kind < IN_NOISE:
            wave = mix(wave, microphone.record(Surroundings.draw(rng).noise(rng, seconds)), rng.uniform(*SNR_DB))
    return digitise(wave, rng.uniform(-32.0, -16.0), 0.0)


def write_clip(folder: Path, seed: int, number: int) -> None:
    """Write one clip, unless it is there."""
    path = folder / f"machine_{seed}_{number:05d}.wav"
    if not path.exists():
        with atomic_file(path) as beside:
            soundfile.write(beside, draw_clip(rng_for(seed, "recipe", number)), RATE_HZ, subtype="PCM_16")


def write_clips(folder: Path, clips: int, seed: int, workers: int) -> None:
    """Write clips into a folder; an interrupted call is gone on with, and any order writes the same bytes.

    Raises
    ------
    StridorError
        If the seed is the demo's.
    """
    if seed == DEMO_SEED:
        raise StridorError(f"--seed {seed} is the demo's; give another, the demo data is kept for judging.")
    write = partial(write_clip, folder, seed)
    with get_context("spawn").Pool(workers) as pool:
        for _ in tqdm(pool.imap_unordered(write, range(clips), chunksize=16), total=clips, unit="clip"):
            pass


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the clips.")
@click.option("--clips", default=4000, show_default=True, type=click.IntRange(1), help="7 s each: 224 kB in 16 bits.")
@click.option("--seed", default=7, show_default=True, type=click.IntRange(0))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1))
def main(out: Path, clips: int, seed: int, workers: int) -> None:
    """Synthesise machines for pre-training."""
    with one_sentence():
        write_clips(out, clips, seed, workers)


if __name__ == "__main__":
    main()
