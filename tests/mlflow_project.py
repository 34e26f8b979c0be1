"""A project with an MLflow store; its database is a copy, as making it takes seconds."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stridor.data.manifest import Clip
from stridor.models.checkpoint import save_encoder
from stridor.params import Params
from stridor.scoring.embedding import EncoderEmbedder
from stridor.scoring.reference import MachineReference
from stridor.tracking.candidate import candidate_of, model_config
from stridor.tracking.location import DATABASE
from stridor.tracking.registry import register
from stridor.tracking.store import create_store
from stridor.tracking.versions import promote
from tiny import tiny_encoder

VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_RUN_ID")


def make_empty_database(folder: Path) -> None:
    """Write an MLflow database without experiments into a folder."""
    with in_project(folder):
        create_store()


class in_project:
    """Work in a folder as in a project's root, and forget MLflow's state afterwards."""

    def __init__(self, root: Path, database: Path | None = None) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        (root / "params.yaml").touch()
        if database is not None:
            shutil.copy(database, root / DATABASE)

    def __enter__(self) -> Path:
        self.patch = pytest.MonkeyPatch()
        self.patch.chdir(self.root)
        for name in VARIABLES:
            self.patch.delenv(name, raising=False)
        return self.root

    def __exit__(self, *_: object) -> None:
        import mlflow

        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)
        # MLflow writes the variables itself when it is told of a store.
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            os.environ.pop(name, None)
        self.patch.undo()


def wave(seed: int, samples: int = 8000, hum_hz: float = 400) -> np.ndarray:
    """Return a humming recording, float32 [samples], 16 kHz."""
    noise = 0.02 * np.random.default_rng(seed).standard_normal(samples)
    return (noise + 0.1 * np.sin(2 * np.pi * hum_hz * np.arange(samples) / 16000)).astype(np.float32)


def write_detector(root: Path, params: Params, seed: int = 0) -> tuple[Path, Path]:
    """Write an untrained encoder and a bank of six clips per machine; return both paths."""
    encoder = tiny_encoder(seed)
    save_encoder(encoder, root / "encoder.pt")
    for number, machine in enumerate(machines_of(params)):
        clips = [_clip(machine, i) for i in range(6)]
        waves = [wave(10 * number + i, 6000 + 371 * i, 300 + 100 * number) for i in range(6)]
        embeddings = EncoderEmbedder(encoder, params.embedding).embed(waves)
        MachineReference.fit(embeddings, clips, params.bank).save(root / "banks" / machine)
    return root / "encoder.pt", root / "banks"


def register_champion(
    detector: str, encoder: Path, banks: Path, params: Params, run_id: str | None, measures: dict[str, float]
) -> int:
    """Register a detector of one view and make it the champion; return the version."""
    files = {"encoder": encoder, "banks": banks}
    version = register(candidate_of(detector, params, files, config_of(detector, params), measures, run_id))
    promote(detector, version, "a test")
    return version


def config_of(detector: str, params: Params) -> dict[str, Any]:
    """Return the settings of a detector of one view."""
    machines = params.detectors[detector].machines
    return model_config(machines, params.audio, params.embedding, system="fine_tuned")


def machines_of(params: Params) -> list[str]:
    """Name the machines of all detectors."""
    return [machine for detector in params.detectors.values() for machine in detector.machines]


def _clip(machine: str, number: int) -> Clip:
    path = f"data/{machine}/train/section_00_source_train_normal_{number:04d}.wav"
    return Clip(path, machine, "train", "00", "source", "normal", None, "{}", 0.5, 16000, 1, "0" * 32)
