"""An encoder without weights: each token is the mean spectrum of a stretch of one band of the log-mel image."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from stridor.models.encoder import BANDS, PATCH, Encoder, Tokens, valid_tokens


class LogMelPatches(Encoder):
    """The spectrum as a detector: what can be heard without any learning.

    A token holds the means over some frames of the 16 mel bands of its patch, so that with `embedding.pooling: bands` a
    clip's embedding is its mean log-mel spectrum, band after band. As an encoder, the spectrum goes through the same
    pooling, scoring options, registry and service as a network: a baseline that can be deployed where it is as good,
    in a file of a kilobyte and at the cost of the filter bank. There is nothing to train.

    Parameters
    ----------
    frames : int
        Frames that a token averages: a patch as a network sees it, or 1 for the image itself.
    """

    family = "log_mel"

    def __init__(self, frames: int = PATCH) -> None:
        super().__init__(width=PATCH, layers=0)
        self.frames = frames

    def encode(self, log_mel: Tensor, frames: Tensor, up_to: int | None = None) -> Tokens:
        """Average every stretch over time."""
        valid = valid_tokens(frames, self.frames)
        columns = valid.shape[1] // BANDS
        spectra = log_mel[:, : columns * self.frames].unflatten(1, (columns, self.frames)).mean(dim=2)
        return Tokens((spectra.unflatten(2, (BANDS, PATCH)).flatten(1, 2),), valid)

    @classmethod
    def from_cfg(cls, cfg: Mapping[str, Any]) -> "LogMelPatches":
        """Return the encoder; `frames` may be left out."""
        return cls(int(cfg.get("frames", PATCH)))

    def to_cfg(self) -> dict[str, Any]:
        """Return the family's name, and the frames where they are not a patch's."""
        return {"family": self.family} | ({} if self.frames == PATCH else {"frames": self.frames})

    def with_random_weights(self, seed: int) -> "LogMelPatches":
        """Return the same encoder, as it has no weights."""
        return LogMelPatches(self.frames)

    def facts(self) -> dict[str, str]:
        """Describe the tokens."""
        stretch = f"{self.frames} frames" if self.frames > 1 else "1 frame"
        return {"architecture": f"none: a token is the mean spectrum of its patch, {stretch} x {PATCH} mel bands"}
