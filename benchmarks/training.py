"""A training step of both stages, what the frozen decoder of stage two saves, and what checkpointing saves."""

import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.harness import Bench, Times
from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.models.beats import random_beats
from stridor.models.config import PRESETS
from stridor.models.separator import Separator
from stridor.params.sections import DecoderParams, TrainingParams
from stridor.training.loader import TripleBatch
from stridor.training.task import SeparationTask


def run(bench: Bench) -> None:
    """Time a step of each stage; the yardstick of stage two computes the decoder's gradients and drops them."""
    for preset, clips, seconds in [("mini", 1, 1)] if bench.tiny else [("mini", 4, 10), ("base", 1, 5)]:
        batch = batch_of_noise(clips, seconds)
        case = f"{preset}, {clips} x {seconds} s"
        one, two, both = (step_of(preset, frozen) for frozen in (False, True, False))
        flops = [operations(lambda step=step, batch=batch: step(batch)) for step in (one, two)]

        def share(times: Times, flop: float = flops[0]) -> str:
            return f"{flop / times.best / 1e9 / bench.gflops:.0%} of the matrix product"

        bench.single("training step, stage one", case, lambda: one(batch), share, clips)  # noqa: B023
        bench.pair("training step, stage two", case, lambda: two(batch), lambda: both(batch), clips,  # noqa: B023
                   f"decoder frozen, {1 - flops[1] / flops[0]:.1%} less arithmetic")  # fmt: skip
    for preset, clips, seconds in [("mini", 1, 1)] if bench.tiny else [("base", 1, 10), ("base", 4, 10)]:
        batch = batch_of_noise(clips, seconds)
        steps = [step_of(preset, False, checkpointing) for checkpointing in (True, False)]
        peaks = [peak_bytes(preset, clips, seconds, checkpointing) / 1e9 for checkpointing in (True, False)]
        bench.pair("training step, gradient checkpointing", f"{preset}, {clips} x {seconds} s",
                   lambda: steps[0](batch), lambda: steps[1](batch), clips,  # noqa: B023
                   f"a process of {peaks[0]:.2f} GB at its peak, {peaks[1]:.2f} GB without")  # fmt: skip


def step_of(preset: str, frozen: bool, checkpointing: bool = False) -> Callable[[TripleBatch], SeparationTask]:
    """Return a training step; the separator learns unless it is frozen."""
    encoder = random_beats(PRESETS[preset], 0)
    encoder.set_gradient_checkpointing(checkpointing)
    task = SeparationTask(encoder, Separator(encoder.width, DecoderParams()), TrainingParams()).train()
    task.separator.requires_grad_(not frozen)
    optimiser = torch.optim.AdamW([p for p in task.parameters() if p.requires_grad], lr=1e-5)

    def step(batch: TripleBatch) -> SeparationTask:
        optimiser.zero_grad()
        task(batch).total.mean().backward()
        optimiser.step()
        return task

    return step


def peak_bytes(preset: str, clips: int, seconds: float, checkpointing: bool) -> int:
    """Return the peak memory of a new process that takes two steps."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_two_steps, preset, clips, seconds, checkpointing).result()


def _two_steps(preset: str, clips: int, seconds: float, checkpointing: bool) -> int:
    # The first makes the optimiser's state.
    step, batch = step_of(preset, False, checkpointing), batch_of_noise(clips, seconds)
    for _ in range(2):
        step(batch)
    status = Path("/proc/self/status")
    if status.is_file():  # what getrusage says begins with the memory of the process that started this one
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return 1024 * int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def batch_of_noise(clips: int, seconds: float) -> TripleBatch:
    """Return a batch of triples."""
    target, interferer = 0.1 * torch.randn(2, clips, round(SAMPLE_RATE_HZ * seconds))
    return TripleBatch(target + interferer, target, interferer, torch.full((clips,), target.shape[1]))


def operations(work: Callable[[], object]) -> float:
    """Count floating-point operations of matrix products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())
