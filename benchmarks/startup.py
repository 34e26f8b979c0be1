"""Start-up: what importing costs, and the time from `stridor score` to the first verdict."""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.encoder import example
from benchmarks.harness import Bench, spread
from stridor.audio.files import SAMPLE_RATE_HZ, write_clip
from stridor.models.checkpoint import save_encoder
from stridor.params.scoring_sections import BankParams, EmbeddingParams
from stridor.params.sections import AudioParams
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.embedding import EncoderEmbedder
from stridor.scoring.reference import MachineReference
from stridor.scoring.threshold import calibrate

IMPORTS = (
    "stridor.cli.main", "stridor.stages.augment", "stridor.stages.train", "stridor.stages.autoencoder",
    "stridor.stages.index", "stridor.stages.evaluate", "stridor.stages.register", "stridor.stages.summary", "mlflow",
)  # fmt: skip


def run(bench: Bench) -> None:
    """Time processes, each beside one that imports PyTorch alone."""
    torch_alone = _process(bench, "-c", "import torch")
    bench.note("start-up", "import torch", *_figures(torch_alone, torch_alone))
    for module in IMPORTS[:1] if bench.tiny else IMPORTS:
        bench.note("start-up", f"import {module}", *_figures(_process(bench, "-c", f"import {module}"), torch_alone))
    with tempfile.TemporaryDirectory() as folder:
        clip, model = write_model(Path(folder))
        found = _process(bench, "-m", "stridor", "score", str(clip), "--detector", str(model))
        bench.note("start-up", "stridor score, a folder and a clip of 10 s", *_figures(found, torch_alone))


def write_model(folder: Path) -> tuple[Path, Path]:
    """Write a clip and a detector of a random `mini` with eight references, in the layout of a downloaded model."""
    rng = np.random.default_rng(0)
    waves = [0.1 * rng.standard_normal(10 * SAMPLE_RATE_HZ).astype(np.float32) for _ in range(9)]
    encoder, embedding = example("mini"), EmbeddingParams()
    embeddings = EncoderEmbedder(encoder, embedding).embed(waves[:8])
    bank = ReferenceBank(BankParams()).fit(embeddings, ["source"] * 8, [f"{number}.wav" for number in range(8)])
    model = folder / "model"
    MachineReference(bank, calibrate(bank.leave_one_out_scores())).save(model / "banks" / "pump")
    save_encoder(encoder, model / "encoder.pt")
    config = {
        "machines": ["pump"], "audio": AudioParams().model_dump(mode="json"), "device": "cpu",
        "embedding": embedding.model_dump(mode="json"),
    }  # fmt: skip
    artifacts = {"encoder": {"path": "encoder.pt"}, "banks": {"path": "banks"}}
    described = {"flavors": {"python_function": {"artifacts": artifacts, "config": config}}}
    # JSON is YAML.
    (model / "MLmodel").write_text(json.dumps(described), encoding="utf-8")
    write_clip(folder / "clip.wav", waves[8])
    return folder / "clip.wav", model


def _process(bench: Bench, *arguments: str) -> list[tuple[float, float]]:
    """Return clock and processor seconds of repeats of a Python process, after one that fills the disk's cache."""
    found = []
    for _ in range(bench.repeats + 1):
        before, started = _children(), time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        found.append((time.perf_counter() - started, _children() - before))
    return found[1:]


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _figures(found: Sequence[tuple[float, float]], torch_alone: Sequence[tuple[float, float]]) -> tuple[str, str, str]:
    wall, cpu = ([one[kind] for one in found] for kind in (0, 1))
    share = statistics.median(cpu) / statistics.median(one[1] for one in torch_alone)
    return (
        f"{min(wall):.2f} s", f"{min(cpu):.2f} s of processor time, {share:.2f} of import torch",
        f"{spread(wall, '{:.2f}')} s",
    )  # fmt: skip
