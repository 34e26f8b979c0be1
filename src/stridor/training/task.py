"""The auxiliary task: encoder and separator, with the loss between estimated and true log-mel images."""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from stridor.audio.fbank import frame_counts
from stridor.models.encoder import PATCH, Encoder
from stridor.models.pooling import mean_pool
from stridor.models.separator import Separator
from stridor.params.sections import Target, TrainingParams
from stridor.training.loader import TripleBatch
from stridor.training.representation import RepresentationLoss

# Of the log-mel loss where the representation is what is reconstructed: the decoder shall still say what it hears.
LOG_MEL_SHARE = 0.1


class Losses(NamedTuple):
    """Losses of each clip `[B]`; the mean of `total` is minimised.

    `consistency` is the distance of its representation to that of the clean clip.
    """

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
    target : str
        `log_mel`: both sources are reconstructed. `representation`: the tokens match those of the clean clip, as
        `RepresentationLoss` says, and a tenth of the other loss is added.

    Attributes
    ----------
    stage : int
        1 or 2.
    """

    def __init__(
        self, encoder: Encoder, separator: Separator, params: TrainingParams, target: Target = "log_mel"
    ) -> None:
        super().__init__()
        self.encoder, self.separator, self.params, self.stage = encoder, separator, params, 1
        self.representation = RepresentationLoss(encoder, params.retain) if target == "representation" else None
        apart = params.consistency_weight > 0 and params.consistency_teacher == "initial"
        self.teacher = copy.deepcopy(encoder).eval().requires_grad_(False) if apart else None

    def train(self, mode: bool = True) -> "SeparationTask":
        """Set the mode of all modules but the teachers, which have no dropout."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self

    @property
    def views(self) -> int:
        """How many mixtures of each clip a batch holds."""
        return 2 if self.representation is not None and self.stage == 2 else 1

    def forward(self, batch: TripleBatch) -> Losses:
        """Return the losses of each clip, which do not depend on the others but in stage two of the representation."""
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
        # What is unmixed has no interferer to be found.
        interferer = interferer * (batch.interferer.amax(dim=-1) > batch.interferer.amin(dim=-1))
        total = machine + self.params.interferer_weight * interferer
        consistency = torch.zeros_like(total)
        if self.representation is not None:
            consistency = self.representation(tokens, true[:, 0], true[:, 1], frames, refine=self.stage == 2)
            total = consistency + LOG_MEL_SHARE * total
        elif self.params.consistency_weight > 0:
            consistency = self._consistency(mean_pool(tokens.last, tokens.valid), true[:, 0], frames)
            total = total + self.params.consistency_weight * consistency
        return Losses(total, machine, interferer, consistency)

    def _consistency(self, embedding: Tensor, target: Tensor, frames: Tensor) -> Tensor:
        """Return the mean squared distance of the mixture's embedding to the teacher's embedding of the target."""
        with torch.no_grad():
            tokens = (self.teacher or self.encoder).encode(target, frames)
            clean = mean_pool(tokens.last, tokens.valid)
        return (embedding - clean).square().mean(dim=-1)
