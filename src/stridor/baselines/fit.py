"""Training of the autoencoder, which learns to reconstruct stacked frames of normal clips."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from stridor.baselines.autoencoder import Autoencoder, random_autoencoder
from stridor.baselines.features import STACKED_FRAMES, stacks
from stridor.common.errors import StridorError
from stridor.common.seeds import rng_for, seed_for
from stridor.params.sections import AutoencoderParams

# Without gradients a batch may be larger; this one takes 20 MB.
_VALIDATION_BATCH = 8192


@dataclass(frozen=True)
class Epoch:
    """Mean squared errors of one epoch in dB², per value.

    Attributes
    ----------
    number : int
        From 1.
    training : float
        Averaged over the epoch, while the weights change.
    validation : float or None
        On the held-out stacks after the epoch; None if there are none.
    """

    number: int
    training: float
    validation: float | None

    def flat(self) -> dict[str, float]:
        """Return the losses by name."""
        validation = {} if self.validation is None else {"loss/validation": self.validation}
        return {"loss/training": self.training} | validation


def fit_autoencoder(
    frames: Sequence[Tensor],
    params: AutoencoderParams,
    seed: int,
    machine: str,
    device: str | torch.device = "cpu",
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Autoencoder:
    """Train an autoencoder on a machine's normal clips with Adam at a constant learning rate.

    As in the organisers' code, a share of the stacks, drawn from all clips, is held out for a validation loss. Since
    training uses the neighbours of held-out stacks, this loss shows divergence rather than overfitting. Nothing is
    selected by it; the weights of the last epoch are used.

    Parameters
    ----------
    frames : sequence of Tensor[F_i x 128], dB, F_i >= 5
        Frames of each clip.
    seed : int
        Determines, with the machine's name, the weights, the held-out stacks and the order of the batches.
    on_epoch : callable
        Called with every epoch.

    Returns
    -------
    Autoencoder
        On `device`, in evaluation mode.

    Raises
    ------
    StridorError
        If there are fewer than two stacks to learn from, or the loss is not finite.
    """
    training_starts, held_out = _split(frames, params, seed, machine)
    if len(training_starts) < 2:
        raise StridorError(
            f"The machine '{machine}' has {len(training_starts)} stacks of five frames for the autoencoder to learn "
            "from, at least 2 are needed; add normal clips to train/ or lower autoencoder.validation_share."
        )
    all_frames = torch.cat(list(frames)).to(device)
    training_starts, held_out = training_starts.to(device), held_out.to(device)
    network = random_autoencoder(seed_for(seed, "autoencoder", machine)).to(device)
    # On a CPU, the unfused Adam takes a third of a step, as it visits the 38 small tensors one by one.
    optimizer = torch.optim.Adam(network.parameters(), lr=params.learning_rate, fused=True)
    order = torch.Generator().manual_seed(seed_for(seed, "autoencoder batches", machine))
    with _single_thread():
        for number in range(1, params.epochs + 1):
            training_loss = _train_epoch(network, optimizer, all_frames, training_starts, params.batch_size, order)
            if not math.isfinite(training_loss):
                raise StridorError(
                    f"The autoencoder of '{machine}' diverged in epoch {number} (loss {training_loss}); lower "
                    "autoencoder.learning_rate."
                )
            validation_loss = _validation_loss(network, all_frames, held_out) if len(held_out) else None
            on_epoch(Epoch(number, training_loss, validation_loss))
    return network.eval()


@contextmanager
def _single_thread() -> Iterator[None]:
    """Compute on one thread of the CPU: a step is too small to be shared.

    Two idle cores make it a third faster. On a busy machine, two threads, which wait for each other at every operation,
    made it ten times slower. On one thread, the weights do not depend on the number of threads either.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _train_epoch(
    network: Autoencoder, optimizer: torch.optim.Optimizer, frames: Tensor, starts: Tensor, batch_size: int,
    order: torch.Generator,
) -> float:  # fmt: skip
    network.train()
    shuffled = starts[torch.randperm(len(starts), generator=order).to(starts.device)]
    # Summed on the device: reading every batch's loss would make a GPU wait.
    total, seen = torch.zeros((), device=frames.device), 0
    for batch in shuffled.split(batch_size):
        if len(batch) < 2:  # no batch statistics; the organisers skip it as well
            continue
        stack = stacks(frames, batch)
        loss = mse_loss(network(stack), stack)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(batch)
        seen += len(batch)
    return total.item() / seen


@torch.inference_mode()
def _validation_loss(network: Autoencoder, frames: Tensor, starts: Tensor) -> float:
    network.eval()
    total = torch.zeros((), device=frames.device)
    for batch in starts.split(_VALIDATION_BATCH):
        stack = stacks(frames, batch)
        total += mse_loss(network(stack), stack) * len(batch)
    return total.item() / len(starts)


def _split(frames: Sequence[Tensor], params: AutoencoderParams, seed: int, machine: str) -> tuple[Tensor, Tensor]:
    """Return the first frames of the training stacks and of the held-out ones, numbered through all clips."""
    starts, first = [], 0
    for clip_frames in frames:
        starts.append(torch.arange(first, first + len(clip_frames) - STACKED_FRAMES + 1))
        first += len(clip_frames)
    every = torch.cat(starts) if starts else torch.empty(0, dtype=torch.int64)
    drawn = every[torch.from_numpy(rng_for(seed, "autoencoder validation", machine).permutation(len(every)))]
    held_out = int(params.validation_share * len(every))
    return drawn[held_out:], drawn[:held_out]
