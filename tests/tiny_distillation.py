"""Recordings and a distillation small enough for seconds: a random tiny teacher, a student half as deep."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from lightning_fabric import Fabric

from stridor.audio.files import write_clip
from stridor.distillation.fit import Report, distil
from stridor.distillation.params import DistillParams
from stridor.distillation.recordings import Recordings
from stridor.distillation.teacher import BeatsTeacher
from stridor.models.beats import Beats, random_beats
from stridor.models.config import BeatsConfig
from stridor.training.resume import ResumeFolder
from tiny import CONFIG, tiny_encoder

STUDENT = replace(CONFIG, encoder_layers=1)


def write_sounds(folder: Path, clips: int = 12, seed: int = 0) -> Path:
    """Write hums in noise of many pitches and colours, 0.6 to 1.2 s."""
    rng = np.random.default_rng(seed)
    for i in range(clips):
        time = np.arange(rng.integers(9_600, 19_200)) / 16000
        wave = (
            0.2 * np.sin(2 * np.pi * rng.uniform(100, 4000) * time) * (1 + np.sin(2 * np.pi * rng.uniform(1, 9) * time))
        )
        noise = np.cumsum(rng.standard_normal(len(time))) if i % 2 else rng.standard_normal(len(time))
        write_clip(folder / f"sound_{i:02d}.wav", 0.5 * wave + 0.1 * noise / np.abs(noise).max())
    return folder


def tiny_distill_params(**values: object) -> DistillParams:
    """Return parameters of a distillation of a few steps."""
    return DistillParams(**{
        "steps": 12, "warm_up_steps": 2, "batch_size": 4, "seconds": 0.5, "learning_rate": 3e-3, "report_steps": 4,
        "statistics_batches": 2,
    } | values)  # fmt: skip


def tiny_teacher(tags: int = 0) -> Beats:
    """Return a random teacher; with tags, a fine-tuned one."""
    if not tags:
        return tiny_encoder(1)
    config: BeatsConfig = replace(CONFIG, finetuned_model=True, predictor_class=tags)
    return random_beats(config, 1).eval()


def teach(
    params: DistillParams,
    recordings: Recordings,
    resume: str = "resume",
    on_report: Callable[[Report, Beats], None] = lambda report, student: None,
    teacher: Beats | None = None,
) -> Beats:
    """Teach a tiny student, with the state kept in a folder of the working directory."""
    fabric = Fabric(accelerator="cpu")
    fabric.launch()
    return distil(
        random_beats(STUDENT, 2), BeatsTeacher(teacher or tiny_teacher()), recordings, params, fabric,
        ResumeFolder(Path(resume), "same"), on_report,
    )  # fmt: skip
