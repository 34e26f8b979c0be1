"""The auxiliary task: encoder and separator, with the loss between estimated and true log-mel images."""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from stridor.audio.fbank import frame_counts
from stridor.models.encoder import PATCH, Encoder
from stridor.models.pooling import mean_pool
from stridor.models.separator import Separator
from stridor.params.sections import TrainingParams
from stridor.training.loader import TripleBatch


class Losses(NamedTuple):
    """Losses of each clip `[B]`; the mean of `total` is minimised."""

    total: Tensor
    machine: Tensor
    interferer: Tensor
    consistency: Tensor


class SeparationTask(nn.Module):
    """Encode a mixture, separate it and compare the estimates with the true sources.

    Parameters
    ----------
    encoder : Encoder
        With the weights that training starts from; the teacher is a copy of it.
    """

    def __init__(self, encoder: Encoder, separator: Separator, params: TrainingParams) -> None:
        super().__init__()
        self.encoder, self.separator, self.params = encoder, separator, params
        apart = params.consistency_weight > 0 and params.consistency_teacher == "initial"
        self.teacher = copy.deepcopy(encoder).eval().requires_grad_(False) if apart else None

    def train(self, mode: bool = True) -> "SeparationTask":
        """Set the mode of all modules but the teacher, which has no dropout."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self

    def forward(self, batch: TripleBatch) -> Losses:
        """Return the losses of each clip, which do not depend on the other clips of the batch."""
        with torch.no_grad():
            mixture, *truth = (self.encoder.log_mel(wave) for wave in batch[:3])
            frames = frame_counts(batch.lengths)
        tokens = self.encoder.encode(mixture, frames)
        estimate = self.separator(tokens, mixture).float()
        true = torch.stack(truth, dim=1)[:, :, : estimate.shape[2]]
        # Frames after the clip's last complete patch are ignored, whether padding or not.
        counted = torch.arange(estimate.shape[2], device=frames.device) < (frames // PATCH * PATCH)[:, None]
        distance = (estimate - true).abs() if self.params.loss == "l1" else (estimate - true).square()
        per_frame = distance.mean(dim=-1) * counted[:, None]
        machine, interferer = (per_frame.sum(-1) / counted.sum(-1)[:, None]).unbind(dim=1)
        total = machine + self.params.interferer_weight * interferer
        consistency = torch.zeros_like(total)
        if self.params.consistency_weight > 0:
            consistency = self._consistency(mean_pool(tokens.last, tokens.valid), true[:, 0], frames)
            total = total + self.params.consistency_weight * consistency
        return Losses(total, machine, interferer, consistency)

    def _consistency(self, embedding: Tensor, target: Tensor, frames: Tensor) -> Tensor:
        """Return the mean squared distance of the mixture's embedding to the teacher's embedding of the target."""
        with torch.no_grad():
            tokens = (self.teacher or self.encoder).encode(target, frames)
            clean = mean_pool(tokens.last, tokens.valid)
        return (embedding - clean).square().mean(dim=-1)
