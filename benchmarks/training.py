"""A training step of both stages, and what the frozen decoder of stage two saves."""

from collections.abc import Callable

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.harness import Bench, Times
from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.models import attention
from stridor.models.beats import random_beats
from stridor.models.config import PRESETS
from stridor.models.separator import Separator
from stridor.params.sections import DecoderParams, TrainingParams
from stridor.training.loader import TripleBatch
from stridor.training.task import SeparationTask

Step = Callable[[TripleBatch], SeparationTask]


def run(bench: Bench) -> None:
    """Time a step of each stage.

    The yardstick of stage two computes the decoder's gradients and drops them; that of the attention is PyTorch's
    function for it.
    """
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
        bench.pair("training step, attention", case, lambda: one(batch), lambda: with_pytorchs_attention(one, batch),  # noqa: B023
                   clips)  # fmt: skip


def step_of(preset: str, frozen: bool, checkpointing: bool = False) -> Step:
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


def with_pytorchs_attention(step: Step, batch: TripleBatch) -> None:
    """Make a training step with `scaled_dot_product_attention`."""
    ours = attention._for_gradients
    attention._for_gradients = F.scaled_dot_product_attention
    try:
        step(batch)
    finally:
        attention._for_gradients = ours


def batch_of_noise(clips: int, seconds: float) -> TripleBatch:
    """Return a batch of triples."""
    target, interferer = 0.1 * torch.randn(2, clips, round(SAMPLE_RATE_HZ * seconds))
    return TripleBatch(target + interferer, target, interferer, torch.full((clips,), target.shape[1]))


def operations(work: Callable[[], object]) -> float:
    """Count floating-point operations of matrix products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())
