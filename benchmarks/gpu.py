"""A CUDA device: equality with the processor, then forward pass, training step and index in bfloat16."""

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.encoder import LARGEST_DIFFERENCE, example, useful_flop
from benchmarks.harness import Bench, spread
from benchmarks.training import batch_of_noise
from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.models.separator import Separator
from stridor.params.scoring_sections import EmbeddingParams
from stridor.params.sections import DecoderParams, TrainingParams
from stridor.scoring.embedding import EncoderEmbedder
from stridor.training.task import SeparationTask

PRESET, SECONDS = "base", 10


def run(bench: Bench) -> None:
    """Measure the device, or say that there is none."""
    if not torch.cuda.is_available():
        bench.note("GPU", "no CUDA device here", "not measured")
        return
    device, preset = torch.device("cuda"), "mini" if bench.tiny else PRESET
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    name = torch.cuda.get_device_name(device)
    difference = differences(preset, device)
    if not difference <= LARGEST_DIFFERENCE:
        raise SystemExit(f"tokens on {name} differ from those of the processor by {difference:.1e}")
    bench.note("GPU", f"{name}, {preset} in float32", f"{difference:.1e}", "largest difference to the processor")
    batch = 4 if bench.tiny else 64
    peak = _product(device, 512 if bench.tiny else 8192, bench.repeats)
    bench.note("GPU", "matrix product, bfloat16", f"{peak / 1e12:.0f} TFLOP/s")
    encoder = example(preset).to(device)
    wave = 0.1 * torch.randn(batch, SECONDS * SAMPLE_RATE_HZ, device=device)
    flop = batch * useful_flop(encoder.config, wave.shape[1])

    @torch.inference_mode()
    def forward() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            encoder(wave)

    _note(bench, f"{preset} forward, {batch} x {SECONDS} s", forward, batch, flop, peak)
    task = SeparationTask(example(preset), Separator(encoder.width, DecoderParams()), TrainingParams()).to(device)
    optimiser = torch.optim.AdamW(task.parameters(), lr=1e-5)
    triples = type(small := batch_of_noise(batch // 4, SECONDS))(*(part.to(device) for part in small))

    def step() -> None:
        optimiser.zero_grad()
        with torch.autocast("cuda", torch.bfloat16):
            loss = task(triples).total.mean()
        loss.backward()
        optimiser.step()

    _note(bench, f"{preset} training step, {batch // 4} x {SECONDS} s", step, batch // 4, 3 * flop / 4, peak)
    embedder = EncoderEmbedder(encoder, EmbeddingParams(precision="bfloat16"), device)
    waves = [one.cpu().numpy() for one in wave]

    def index() -> np.ndarray:
        return embedder.embed(waves)

    _note(bench, f"{preset} index from memory, {batch} x {SECONDS} s", index, batch, flop, peak)


def differences(preset: str, device: torch.device) -> float:
    """Return the largest difference of a token of clips of two lengths between the processor and a device."""
    wave, lengths = 0.1 * torch.randn(2, 2 * SAMPLE_RATE_HZ), torch.tensor([2 * SAMPLE_RATE_HZ, SAMPLE_RATE_HZ])
    model = example(preset)
    with torch.inference_mode():
        here = model(wave, lengths)
        there = model.to(device)(wave.to(device), lengths.to(device))
        return max(float((a - b.cpu())[here.valid].abs().max()) for a, b in zip(here.layers, there.layers, strict=True))


def _product(device: torch.device, size: int, repeats: int) -> float:
    a, b = torch.randn(2, size, size, device=device, dtype=torch.bfloat16)
    return 2 * size**3 / min(_seconds(lambda: a @ b, repeats))


def _note(bench: Bench, case: str, work: Callable[[], object], clips: int, flop: float, peak: float) -> None:
    times = _seconds(work, bench.repeats)
    rate = clips / statistics.median(times)
    share = flop / min(times) / peak
    bench.note("GPU", case, f"{rate:,.0f} clips/s", f"{share:.0%} of the matrix product",
               f"{spread([1000 * one for one in times], '{:.3g}')} ms")  # fmt: skip


def _seconds(work: Callable[[], object], repeats: int) -> list[float]:
    times = []
    for _ in range(repeats + 1):
        torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return times[1:]
