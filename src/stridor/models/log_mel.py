"""An encoder without weights: each token is the mean spectrum of its patch of the log-mel image."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from stridor.models.encoder import BANDS, PATCH, Encoder, Tokens, valid_tokens


class LogMelPatches(Encoder):
    """The spectrum as a detector: what can be heard without any learning.

    A token holds the means over time of the 16 mel bands of its patch, so that with `embedding.pooling: bands` a
    clip's embedding is its mean log-mel spectrum, band after band. As an encoder, the spectrum goes through the same
    pooling, scoring options, registry and service as a network: a baseline that can be deployed where it is as good,
    in a file of a kilobyte and at the cost of the filter bank. There is nothing to train.
    """

    family = "log_mel"

    def __init__(self) -> None:
        super().__init__(width=PATCH, layers=0)

    def encode(self, log_mel: Tensor, frames: Tensor, up_to: int | None = None) -> Tokens:
        """Average every patch over time."""
        valid = valid_tokens(frames)
        columns = valid.shape[1] // BANDS
        spectra = log_mel[:, : columns * PATCH].unflatten(1, (columns, PATCH)).mean(dim=2)  # B x time x mel
        return Tokens((spectra.unflatten(2, (BANDS, PATCH)).flatten(1, 2),), valid)

    @classmethod
    def from_cfg(cls, cfg: Mapping[str, Any]) -> "LogMelPatches":
        """Return the encoder; there is nothing to choose."""
        return cls()

    def to_cfg(self) -> dict[str, Any]:
        """Return the family's name alone."""
        return {"family": self.family}

    def with_random_weights(self, seed: int) -> "LogMelPatches":
        """Return the same encoder, as it has no weights."""
        return LogMelPatches()

    def facts(self) -> dict[str, str]:
        """Describe the tokens."""
        return {"architecture": f"none: a token is the mean spectrum of its patch, {PATCH} frames x {PATCH} mel bands"}
