"""`python tests/small_project.py FOLDER`: recordings of a pump, and in params.yaml a training of a minute on them."""

import sys
from pathlib import Path

import numpy as np
import soundfile
from ruamel.yaml import YAML

RATE_HZ = 16000
SMALL = {
    "training": {"stage_one": {"epochs": 1}, "stage_two": {"epochs": 1}, "held_out_clips": 0},
    "augment": {"variants": 1},
    "autoencoder": {"epochs": 1},
    "evaluation": {"bootstrap": 100},
}


def write_recordings(folder: Path) -> None:
    """Write a few short recordings of each kind."""
    rng = np.random.default_rng(0)
    for kind, number, hum_hz in (("normal", 8, 400), ("normal/target", 4, 450), ("anomaly", 4, 1500), ("noise", 2, 0)):
        place = folder / "pump" / kind
        place.mkdir(parents=True, exist_ok=True)
        for i in range(number):
            time = np.arange(2 * RATE_HZ) / RATE_HZ
            wave = 0.02 * rng.standard_normal(len(time)) + 0.1 * np.sin(2 * np.pi * hum_hz * time)
            soundfile.write(place / f"{i}.wav", wave, RATE_HZ)


def shorten(params: Path) -> None:
    """Set what makes a run short, and leave everything else as it is."""
    yaml = YAML()
    values = yaml.load(params.read_text(encoding="utf-8"))
    for section, changes in SMALL.items():
        for name, value in changes.items():
            if isinstance(value, dict):
                values[section][name].update(value)
            else:
                values[section][name] = value
    with params.open("w", encoding="utf-8") as file:
        yaml.dump(values, file)


if __name__ == "__main__":
    write_recordings(Path(sys.argv[1]))
    shorten(Path("params.yaml"))
