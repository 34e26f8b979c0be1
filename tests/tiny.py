"""Tiny encoders, parameters and projects that tests train in seconds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from stridor.audio.files import write_clip
from stridor.data.augment import augment
from stridor.data.manifest import Manifest, build_manifest
from stridor.models.beats import Beats, random_beats
from stridor.models.config import PRESETS, BeatsConfig
from stridor.models.side import SideTuned, adapted, side_tuned
from stridor.params import Params
from stridor.training.fit import Epoch, FineTuned, fine_tune, make_fabric
from stridor.training.loader import TripleBatch
from stridor.training.resume import ResumeFolder
from stridor.training.triples import TrainingSet, training_set

CONFIG = BeatsConfig(
    **PRESETS["mini"].to_cfg()
    | {
        "embed_dim": 16, "encoder_layers": 2, "encoder_embed_dim": 32, "encoder_ffn_embed_dim": 64,
        "encoder_attention_heads": 4, "conv_pos": 16, "conv_pos_groups": 4, "num_buckets": 32, "max_distance": 64,
    }
)  # fmt: skip


def tiny_encoder(seed: int = 0) -> Beats:
    """Return a random encoder of width 32, in evaluation mode."""
    return random_beats(CONFIG, seed).eval()


def moved_side_blocks(seed: int = 0) -> SideTuned:
    """Return the same encoder with side blocks of width 16 that no longer leave its tokens as they are."""
    side = side_tuned(tiny_encoder(), 16, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for block in side.side:
            block.up[1].weight.normal_(std=0.1, generator=generator)
    return side.eval()


def tiny_params(machine: str = "pump", **sections: dict) -> Params:
    """Return parameters of one detector with a training of two short stages."""
    sections.setdefault("augment", {"variants": 2})
    sections.setdefault("decoder", {"width": 16, "layers": 1, "heads": 2})
    training = {
        "batch_size": 3, "learning_rate": 2e-3, "stage_one": {"epochs": 2}, "stage_two": {"epochs": 2},
        "held_out_clips": 2,
    } | sections.pop("training", {})  # fmt: skip
    return Params(detectors={machine: {"machines": [machine]}}, training=training, **sections)


def noise_batch(lengths: list[int]) -> TripleBatch:
    """Return a batch of quiet noises, targets and interferers, with clips of these lengths."""
    waves = []
    for part in range(2):
        wave = torch.zeros(len(lengths), max(lengths))
        for row, length in zip(wave, lengths, strict=True):
            row[:length] = 0.1 * torch.randn(length, generator=torch.Generator().manual_seed(length + part))
        waves.append(wave)
    return TripleBatch(waves[0] + waves[1], waves[0], waves[1], torch.tensor(lengths))


def write_pump(root: Path, kind: str = "noise", machine: str = "pump", seed: int = 0, tests: int = 2) -> None:
    """Write a machine of humming clips of odd lengths: 12 normals, 3 supplements, `tests` clips of each test group."""
    rng = np.random.default_rng(seed)
    folder = root / "data" / machine

    def clip(name: str, hum_hz: float | None, noise: float) -> None:
        samples = int(rng.integers(6_000, 9_000))
        wave = noise * rng.standard_normal(samples)
        if hum_hz:
            wave += 0.1 * rng.uniform(0.5, 1.5) * np.sin(2 * np.pi * hum_hz * np.arange(samples) / 16000)
        write_clip(folder / name, np.clip(wave, -0.99, 0.99))

    for i in range(10):
        clip(f"train/section_00_source_train_normal_{i:04d}_noAttribute.wav", rng.uniform(300, 500), 0.01)
    for i in range(2):
        clip(f"train/section_00_target_train_normal_{i:04d}_noAttribute.wav", rng.uniform(500, 600), 0.02)
    for domain in ("source", "target"):
        for label, hum_hz in (("normal", 450), ("anomaly", 1500)):
            for i in range(tests):
                clip(f"test/section_00_{domain}_test_{label}_{i:04d}_noAttribute.wav", hum_hz, 0.01)
    for i in range(3):
        if kind == "noise":
            clip(f"supplemental/section_00_noise_supplemental_normal_{i:04d}.wav", None, 0.05)
        elif kind == "clean":
            clip(f"supplemental/section_00_source_supplemental_machine_{i:04d}.wav", 400, 0.0001)


def tiny_training_set(params: Params, kind: str = "noise") -> tuple[Manifest, TrainingSet]:
    """Write the pump into the working directory and return its manifest and what is learnt from it."""
    write_pump(Path(), kind)
    manifest = build_manifest(Path("data"), ("pump",))
    pairs = augment(manifest.select("supplemental"), params, Path("augmented"))
    return manifest, training_set(manifest, pairs, params)


def train(
    params: Params,
    data: TrainingSet,
    resume: str = "resume",
    on_epoch: Callable[[Epoch, Beats], None] = lambda epoch, encoder: None,
) -> FineTuned:
    """Fine-tune a tiny encoder, with the state kept in a folder of the working directory."""
    fabric = make_fabric(params.compute, params.training.precision)
    fabric.launch()
    encoder = adapted(tiny_encoder(), params.encoder, params.seed)
    return fine_tune(encoder, data, params, fabric, ResumeFolder(Path(resume), "same"), on_epoch)
