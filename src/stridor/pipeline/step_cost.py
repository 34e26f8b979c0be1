"""Cost of a training step on this machine: time, floating-point operations and memory, measured on noise."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.models.checkpoint import initial_encoder
from stridor.models.separator import Separator
from stridor.models.side import adapted
from stridor.params import Params
from stridor.training.fit import make_fabric
from stridor.training.loader import TripleBatch
from stridor.training.task import SeparationTask

STEPS = 3
ENOUGH_SECONDS = 5.0


@dataclass(frozen=True)
class StepCost:
    """Cost of one step with the real batch size and clip length.

    Attributes
    ----------
    step_seconds : float
        Forward, backward and update.
    embed_seconds : float
        Time to embed one clip.
    flop : float
        Floating-point operations of a step; a multiplication and an addition count as two.
    peak_bytes : int
        Peak memory of the accelerator, or of this process on a CPU.
    """

    encoder_parameters: int
    separator_parameters: int
    step_seconds: float
    embed_seconds: float
    flop: float
    peak_bytes: int
    device: str


def measure_step(params: Params, seconds: float) -> StepCost:
    """Time training steps on noise of a given length, after one step to warm up.

    Returns the fastest of three steps, because other processes can only slow a step down. A long step is timed once.

    Parameters
    ----------
    params : Params
        Parameters of one detector; a single device is measured, whatever the value of `compute.devices`.
    seconds : float
        Length of a clip.

    Raises
    ------
    StridorError
        If the checkpoint is missing.
    """
    alone = params.replaced({"compute.devices": 1, "compute.strategy": "auto", "compute.num_nodes": 1})
    encoder = adapted(initial_encoder(alone.encoder, alone.seed), alone.encoder, alone.seed)
    encoder.set_gradient_checkpointing(alone.compute.gradient_checkpointing)
    task = SeparationTask(encoder, Separator(encoder.width, alone.decoder), alone.training, alone.decoder.target)
    fabric = make_fabric(alone.compute, alone.training.precision)
    fabric.launch()
    encoder_size, separator_size = (
        sum(parameter.numel() for parameter in part.parameters()) for part in (encoder, task.separator)
    )
    module, optimiser = fabric.setup(task.train(), torch.optim.AdamW(task.parameters(), lr=1e-9))
    batch = fabric.to_device(_noise(alone.training.batch_size, seconds))

    def step() -> None:
        optimiser.zero_grad()
        fabric.backward(module(batch).total.mean())
        fabric.clip_gradients(module, optimiser, max_norm=alone.training.gradient_clip)
        optimiser.step()

    if fabric.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(fabric.device)
    with FlopCounterMode(display=False) as counter:
        step()
    times = [_timed(step, fabric.device)]
    while len(times) < STEPS and sum(times) < ENOUGH_SECONDS:
        times.append(_timed(step, fabric.device))
    peak = _peak_bytes(fabric.device)
    task.eval()
    with torch.inference_mode():
        one = TripleBatch(*(part[:1] for part in batch))
        embed = _timed(lambda: task.encoder(one.mixture, one.lengths), fabric.device)
    flop = float(counter.get_total_flops())
    return StepCost(encoder_size, separator_size, min(times), embed, flop, peak, str(fabric.device))


def _noise(clips: int, seconds: float) -> TripleBatch:
    target, interferer = 0.1 * torch.randn(2, clips, round(seconds * SAMPLE_RATE_HZ))
    return TripleBatch(target + interferer, target, interferer, torch.full((clips,), target.shape[1]))


def _timed(work: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    # Linux counts in kilobytes, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
