"""The folder of a tiny detector with the recordings that it learnt from, and a recording that is anomalous."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

from mlflow_project import wave, write_detector
from stridor.audio.files import write_clip
from stridor.params import Params
from tiny import tiny_params


def roaring() -> np.ndarray:
    """Return 2.5 s of humming, with a roar from 1.0 to 1.5 s, float [T]."""
    loud = wave(5, 40_000, 300)
    loud[16_000:24_000] = 0.5 * np.random.default_rng(0).standard_normal(8_000).clip(-1.9, 1.9)
    return loud


def write_model(folder: Path, machines: Sequence[str] = ("pump",), **sections: dict) -> Path:
    """Write the folder of a detector that learnt six humming clips of half a second of each machine."""
    params = tiny_params(**sections)
    folder.mkdir(exist_ok=True)
    detectors = Params(detectors={machine: {"machines": [machine]} for machine in machines}).detectors
    write_detector(folder, params.model_copy(update={"detectors": detectors}))
    artifacts = {"encoder": {"path": "encoder.pt"}, "banks": {"path": "banks"}}
    config = {
        "machines": list(machines), "audio": params.audio.model_dump(mode="json"),
        "embedding": params.embedding.model_dump(mode="json"), "device": "cpu",
    }  # fmt: skip
    with open(folder / "MLmodel", "w") as file:
        YAML().dump({"flavors": {"python_function": {"artifacts": artifacts, "config": config}}}, file)
    return folder


def write_model_and_normals(folder: Path, machines: Sequence[str]) -> Path:
    """Write the folder of a detector, and below `normals/` the recordings that it learnt from."""
    write_model(folder, machines)
    for number, machine in enumerate(machines):
        for i in range(6):
            # As `write_detector` makes them.
            made = wave(10 * number + i, 6000 + 371 * i, 300 + 100 * number)
            path = folder / "normals" / machine / f"section_00_source_train_normal_{i:04d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_clip(path, made)
    return folder
