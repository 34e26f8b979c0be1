"""The autoencoder's training: it learns to reconstruct stacked frames of normal clips."""

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
_LOOK_BATCH = 8192


@dataclass(frozen=True)
class Epoch:
    """Mean squared errors in dB², per value.

    Attributes
    ----------
    number : int
        From 1.
    training : float
        While the weights changed.
    validation : float or None
        After the epoch, of the stacks that are kept out; None where there are none.
    """

    number: int
    training: float
    validation: float | None

    def flat(self) -> dict[str, float]:
        """The figures with names of their own."""
        kept_out = {} if self.validation is None else {"loss/validation": self.validation}
        return {"loss/training": self.training} | kept_out


def fit_autoencoder(
    frames: Sequence[Tensor],
    params: AutoencoderParams,
    seed: int,
    machine: str,
    device: str | torch.device = "cpu",
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Autoencoder:
    """Train an autoencoder on a machine's normal clips by Adam at a constant learning rate.

    As in the organisers' code a share of the stacks, drawn from all clips, is kept out for a validation loss.
    Neighbours of what is kept out are learnt from, so that loss tells of divergence rather than of overfitting;
    nothing is chosen by it, the last epoch's weights are used.

    Parameters
    ----------
    frames : sequence of Tensor[F_i x 128], dB, F_i >= 5
        Of each clip.
    params : AutoencoderParams
    seed : int
        Decides, with the machine's name, weights, what is kept out and the order of the batches.
    machine : str
    device : str or torch.device
    on_epoch : callable
        Told of every epoch.

    Returns
    -------
    Autoencoder
        On `device`, in evaluation mode.

    Raises
    ------
    StridorError
        If there are fewer than two stacks to learn from, or the loss is no longer finite.
    """
    learnt, kept_out = _split(frames, params, seed, machine)
    if len(learnt) < 2:
        raise StridorError(
            f"The machine '{machine}' has {len(learnt)} stacks of five frames for the autoencoder to learn from, at "
            "least 2 are needed; add normal clips to train/ or lower autoencoder.validation_share."
        )
    together = torch.cat(list(frames)).to(device)
    learnt, kept_out = learnt.to(device), kept_out.to(device)
    network = random_autoencoder(seed_for(seed, "autoencoder", machine)).to(device)
    # Of so small a network's step on a CPU, Adam takes a third when it visits its 38 tensors one by one.
    optimizer = torch.optim.Adam(network.parameters(), lr=params.learning_rate, fused=True)
    order = torch.Generator().manual_seed(seed_for(seed, "autoencoder batches", machine))
    with _one_thread():
        for number in range(1, params.epochs + 1):
            training = _one_epoch(network, optimizer, together, learnt, params.batch_size, order)
            if not math.isfinite(training):
                raise StridorError(
                    f"The autoencoder of '{machine}' diverged in epoch {number} (loss {training}); lower "
                    "autoencoder.learning_rate."
                )
            on_epoch(Epoch(number, training, _look(network, together, kept_out) if len(kept_out) else None))
    return network.eval()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread of the CPU: a step is too small to share.

    Two idle cores make it a third faster, but beside other work two threads, which wait for each other at every
    operation, made it ten times slower. Besides, the weights do not hang on the number of threads so.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _one_epoch(
    network: Autoencoder, optimizer: torch.optim.Optimizer, frames: Tensor, starts: Tensor, batch_size: int,
    order: torch.Generator,
) -> float:  # fmt: skip
    network.train()
    shuffled = starts[torch.randperm(len(starts), generator=order).to(starts.device)]
    # Summed up on the device: asking for every batch's loss would make a GPU wait.
    total, seen = torch.zeros((), device=frames.device), 0
    for batch in shuffled.split(batch_size):
        if len(batch) < 2:  # no batch statistics; the organisers leave it out as well
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
def _look(network: Autoencoder, frames: Tensor, starts: Tensor) -> float:
    network.eval()
    total = torch.zeros((), device=frames.device)
    for batch in starts.split(_LOOK_BATCH):
        stack = stacks(frames, batch)
        total += mse_loss(network(stack), stack) * len(batch)
    return total.item() / len(starts)


def _split(frames: Sequence[Tensor], params: AutoencoderParams, seed: int, machine: str) -> tuple[Tensor, Tensor]:
    """First frames of the stacks to learn from and of those kept out, counted through all clips."""
    starts, first = [], 0
    for of_clip in frames:
        starts.append(torch.arange(first, first + len(of_clip) - STACKED_FRAMES + 1))
        first += len(of_clip)
    every = torch.cat(starts) if starts else torch.empty(0, dtype=torch.int64)
    drawn = every[torch.from_numpy(rng_for(seed, "autoencoder validation", machine).permutation(len(every)))]
    kept_out = int(params.validation_share * len(every))
    return drawn[kept_out:], drawn[:kept_out]
