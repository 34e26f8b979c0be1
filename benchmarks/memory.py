"""What gradient checkpointing saves in memory, and costs in time."""

import resource
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.harness import Bench
from benchmarks.training import batch_of_noise, step_of


def run(bench: Bench) -> None:
    """Compare a training step with and without checkpointing."""
    preset, clips, seconds = ("mini", 1, 1) if bench.tiny else ("base", 1, 10)
    peaks = [peak_bytes(preset, clips, seconds, checkpointing) / 1e9 for checkpointing in (True, False)]
    batch = batch_of_noise(clips, seconds)
    ours, theirs = (step_of(preset, False, checkpointing) for checkpointing in (True, False))
    bench.pair(
        "training step, gradient checkpointing", f"{preset}, {clips} x {seconds} s", lambda: ours(batch),
        lambda: theirs(batch), clips, f"a process of {peaks[0]:.2f} GB at its peak, {peaks[1]:.2f} GB without",
    )  # fmt: skip


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
