"""What an encoder says of clips, whatever its family: tokens on a grid of patches."""

from dataclasses import dataclass

from torch import Tensor

from stridor.audio.fbank import MEL_BANDS

PATCH = 16
BANDS = MEL_BANDS // PATCH


@dataclass(frozen=True)
class Tokens:
    """What the encoder says of a batch of clips.

    Attributes
    ----------
    layers : tuple of Tensor[B x N x width]
        The encoder's input (layer 0) and every layer's output. Token index = time · 8 + band.
    valid : Tensor[B x N], bool
        Tokens that hold complete patches of the clip itself. The others are padding and mean nothing.
    """

    layers: tuple[Tensor, ...]
    valid: Tensor

    @property
    def last(self) -> Tensor:
        """Output of the last layer `[B x N x width]`."""
        return self.layers[-1]
