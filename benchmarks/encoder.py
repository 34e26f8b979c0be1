"""Time of the encoder per clip: filter bank, embedding, and a training step.

python benchmarks/encoder.py --preset mini --seconds 10 --batch 8 [--device cuda --precision bfloat16]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from stridor.models.beats import random_beats
from stridor.models.config import PRESETS
from stridor.models.separator import Separator
from stridor.params.sections import DecoderParams, TrainingParams
from stridor.training.loader import TripleBatch
from stridor.training.task import SeparationTask


def milliseconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Return the median time of some work in milliseconds, after one warm-up."""

    def once() -> float:
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return 1000 * (time.perf_counter() - started)

    once()
    return statistics.median(once() for _ in range(repeats))


def main() -> None:
    """Print one Markdown row per kind of work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, default="mini")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    args = parser.parse_args()
    device = torch.device(args.device)
    encoder = random_beats(PRESETS[args.preset], 0)
    separator = Separator(encoder.width, DecoderParams())
    task = SeparationTask(encoder, separator, TrainingParams()).to(device)
    wave = 0.1 * torch.randn(args.batch, round(16000 * args.seconds), device=device)
    lengths = torch.full((args.batch,), wave.shape[1], device=device)
    optimiser = torch.optim.AdamW(task.parameters(), lr=1e-5)
    mixed = torch.autocast(device.type, dtype=torch.bfloat16, enabled=args.precision == "bfloat16")

    @torch.inference_mode()
    def embed() -> None:
        with mixed:
            encoder(wave, lengths)

    def step() -> None:
        optimiser.zero_grad()
        with mixed:
            loss = task(TripleBatch(wave, wave, wave, lengths)).total.mean()
        loss.backward()
        optimiser.step()

    kinds = {"filter bank": lambda: encoder.log_mel(wave), "embedding": embed, "training step": step}
    print("| preset | device | precision | batch x seconds | work | ms per clip |\n|---|---|---|---|---|---:|")
    for name, work in kinds.items():
        per_clip = milliseconds(work, device, args.repeats) / args.batch
        shape = f"{args.batch} x {args.seconds:g}"
        print(f"| {args.preset} | {device} | {args.precision} | {shape} | {name} | {per_clip:.1f} |")


if __name__ == "__main__":
    main()
