"""The encoder through `torch.compile`, beside the encoder as it is; what compiling takes comes on top."""

import time

import torch

from benchmarks.encoder import LARGEST_DIFFERENCE, example
from benchmarks.harness import Bench
from stridor.audio.fbank import frame_counts
from stridor.audio.files import SAMPLE_RATE_HZ

CASES = [("mini", 1, 10), ("mini", 4, 10), ("base", 1, 10), ("base", 4, 10)]


def run(bench: Bench) -> None:
    """Compare both on clips of one length; every other length is compiled anew."""
    for preset, batch, seconds in [("mini", 2, 1)] if bench.tiny else CASES:
        model = example(preset)
        wave = 0.1 * torch.randn(batch, seconds * SAMPLE_RATE_HZ, generator=torch.Generator().manual_seed(0))
        image, frames = model.log_mel(wave), frame_counts(torch.full((batch,), wave.shape[1]))
        # A graph of its own for each case, as the first pass would be.
        torch._dynamo.reset()
        compiled = torch.compile(model.encode, dynamic=False)
        case = f"{preset}, {batch} x {seconds} s"
        with torch.inference_mode():
            started = time.perf_counter()
            try:
                ours = compiled(image, frames).last
            except torch._dynamo.exc.BackendCompilerFailed:
                bench.note("compiled encoder", case, "not measured", "no compiler of C++ here", "none")
                continue
            took = time.perf_counter() - started
            difference = float((ours - model.encode(image, frames).last).abs().max())
            if not difference <= LARGEST_DIFFERENCE:
                raise SystemExit(f"compiled, {case} differs by {difference:.1e}")
            bench.pair(
                "compiled encoder", case, lambda: compiled(image, frames), lambda: model.encode(image, frames), batch,  # noqa: B023
                f"after {took:.0f} s of compiling",
            )  # fmt: skip
