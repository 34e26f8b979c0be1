"""What every encoder offers, whatever its family: log-mel images in, tokens on a grid of patches out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from stridor.audio.fbank import MEL_BANDS, Fbank, frame_counts
from stridor.common.errors import StridorError
from stridor.models.gradient_checkpointing import GradientCheckpointingLayer
from stridor.params.scoring_sections import EmbeddingParams

PATCH = 16
BANDS = MEL_BANDS // PATCH


@dataclass(frozen=True)
class Tokens:
    """The encoder's output for a batch of clips.

    Attributes
    ----------
    layers : tuple of Tensor[B x N x width]
        The encoder's input (layer 0) and every layer's output, up to the last that was asked for. Token index =
        time · 8 + band.
    valid : Tensor[B x N], bool
        Tokens that hold complete patches of the clip itself. The others are padding and mean nothing.
    """

    layers: tuple[Tensor, ...]
    valid: Tensor

    @property
    def last(self) -> Tensor:
        """Output of the last computed layer `[B x N x width]`."""
        return self.layers[-1]

    def without(self, parts: Sequence[tuple[float, float]]) -> "Tokens":
        """Return the tokens of one clip several times, each time with those of a part of it not counting.

        Parameters
        ----------
        parts : sequence of K (float, float)
            Beginning and end as shares of the clip, in [0, 1].

        Returns
        -------
        Tokens
            Of K clips.
        """
        columns = self.valid.shape[1] // BANDS
        middle = (torch.arange(columns, device=self.valid.device) + 0.5) / columns
        middle = middle.repeat_interleave(BANDS)
        kept = [~((start <= middle) & (middle < end)) for start, end in parts]
        layers = tuple(layer.expand(len(parts), -1, -1) for layer in self.layers)
        return Tokens(layers, self.valid & torch.stack(kept))


class Encoder(nn.Module, ABC):
    """Base class of all encoders; training, pooling, separator and scoring know nothing else of them.

    A family is a subclass, named in the registry of `stridor.models.checkpoint`. It must not put anything into its
    state_dict that `from_cfg` does not shape.

    Parameters
    ----------
    width : int
        Values of a token.
    layers : int
        Number of layers; `Tokens.layers` holds one more, the input of the first.

    Attributes
    ----------
    family : str
        What checkpoints and messages call the family.
    """

    family: ClassVar[str]

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.width, self.layers = width, layers
        self.fbank = Fbank()

    @property
    def trainable(self) -> bool:
        """Whether there is a weight that training may change."""
        return any(parameter.requires_grad for parameter in self.parameters())

    def forward(self, wave: Tensor, lengths: Tensor | None = None, up_to: int | None = None) -> Tokens:
        """Encode waves.

        Parameters
        ----------
        wave : Tensor[B x T]
            16 kHz, in [-1, 1], padded at the end to a common length.
        lengths : Tensor[B], optional
            Samples of each clip; all of T if not given.
        up_to : int, optional
            As in `encode`.
        """
        if lengths is None:
            lengths = torch.full((len(wave),), wave.shape[-1], device=wave.device)
        return self.encode(self.log_mel(wave), frame_counts(lengths), up_to)

    def log_mel(self, wave: Tensor) -> Tensor:
        """Turn waves `[B x T]` into normalised log-mel images `[B x frames x 128]`, those of BEATs by default."""
        return self.fbank(wave)

    @abstractmethod
    def encode(self, log_mel: Tensor, frames: Tensor, up_to: int | None = None) -> Tokens:
        """Encode normalised log-mel images.

        A column of tokens counts when all of its 16 frames belong to the clip; so a clip's tokens are the
        same alone and in any padded batch.

        Parameters
        ----------
        log_mel : Tensor[B x frames x 128]
        frames : Tensor[B]
            Frames of each clip, at least 16.
        up_to : int, optional
            The last layer that is needed, 0 to `layers`; those after it are not computed. All if not given.

        Raises
        ------
        ValueError
            If a clip is shorter than one patch of 16 frames (0.175 s).
        """

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """The module of each layer, from the first to the last; `encoder.adapt: last_layers` trains some."""
        return ()

    def set_gradient_checkpointing(self, on: bool) -> None:
        """Let training compute the values inside of layers again instead of keeping them, or keep them."""
        for block in self.blocks:
            if isinstance(block, GradientCheckpointingLayer):
                block.gradient_checkpointing = on

    @classmethod
    @abstractmethod
    def from_cfg(cls, cfg: Mapping[str, Any]) -> "Encoder":
        """Build the architecture that a checkpoint's cfg describes; its weights are loaded afterwards."""

    @abstractmethod
    def to_cfg(self) -> dict[str, Any]:
        """Return the cfg of a checkpoint; for every family but BEATs it contains `"family"`."""

    @abstractmethod
    def with_random_weights(self, seed: int) -> "Encoder":
        """Return a new encoder of the same architecture; the same seed gives the same weights."""

    @abstractmethod
    def facts(self) -> dict[str, str]:
        """Describe the architecture to people, a line for each name."""


def check_layer(encoder: Encoder, params: EmbeddingParams) -> None:
    """Check that an encoder has the layer whose tokens are to be pooled.

    Raises
    ------
    StridorError
        If it has not.
    """
    layers = encoder.layers
    if not -layers - 1 <= params.layer <= layers:
        known = f"0 (its input) to {layers}" if layers else "0 (its only tokens)"
        raise StridorError(
            f"embedding.layer is {params.layer}, but the encoder has {layers} layers; choose {known}, or -1 for the "
            "last."
        )


def valid_tokens(frames: Tensor, frames_per_token: int = PATCH) -> Tensor:
    """Return which tokens lie wholly within the clips, bool `[B x N]`; N reaches to the longest clip's last.

    Parameters
    ----------
    frames : Tensor[B]
        Frames of each clip.
    frames_per_token : int
        Those of a patch, or fewer.

    Raises
    ------
    ValueError
        If a clip is shorter than one patch.
    """
    if int(frames.min()) < PATCH:
        raise ValueError(
            f"a clip of {int(frames.min())} frames is shorter than one patch; at least {PATCH} frames, "
            "2800 samples at 16 kHz, are needed"
        )
    columns = frames // frames_per_token
    return torch.arange(int(columns.max()) * BANDS, device=frames.device) < (columns * BANDS)[:, None]
