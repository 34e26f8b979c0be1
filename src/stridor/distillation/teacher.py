"""The interface of a teacher, and BEATs as a teacher."""

from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn

from stridor.models.beats import Beats
from stridor.models.encoder import BANDS
from stridor.models.pooling import mean_pool


class Targets(NamedTuple):
    """A teacher's output for a batch of waves.

    Attributes
    ----------
    pooled : Tensor[B x D]
        One vector per clip.
    map : Tensor[B x time x band x C]
        Time-frequency map, in order of time and from low to high bands.
    tags : Tensor[B x K] or None
        Probabilities of K tags; None if the teacher has none.
    """

    pooled: Tensor
    map: Tensor
    tags: Tensor | None


class Teacher(Protocol):
    """A frozen network that gets the same waves as the student; an `nn.Module` in evaluation mode."""

    def __call__(self, wave: Tensor) -> Targets:
        """Return the targets for waves `[B x T]`, 16 kHz, in [-1, 1], all of the same length."""
        ...

    def to(self, device: torch.device) -> Self:
        """Move the network to a device."""
        ...


class BeatsTeacher(nn.Module):
    """BEATs as a teacher: its last layer, and its tags if the checkpoint is fine-tuned."""

    def __init__(self, encoder: Beats) -> None:
        super().__init__()
        self.encoder = encoder.eval().requires_grad_(False)

    def forward(self, wave: Tensor) -> Targets:
        """Return the targets for waves `[B x T]`."""
        tokens = self.encoder(wave)
        tags = self.encoder.class_probabilities(tokens) if self.encoder.config.finetuned_model else None
        return Targets(mean_pool(tokens.last, tokens.valid), tokens.last.unflatten(1, (-1, BANDS)), tags)
