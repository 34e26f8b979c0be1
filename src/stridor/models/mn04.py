"""EfficientAT's mn04 as an encoder: a small convolutional network that was trained on AudioSet, used as it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stridor.audio.fbank import frame_counts
from stridor.audio.mn04_image import Mn04Image
from stridor.models.encoder import BANDS, PATCH, Encoder, Tokens, valid_tokens
from stridor.models.mobilenet import STRIDE, TOP, folded, mobilenet, published_shapes
from stridor.models.weights import NoInitialValues, check_weights

# The published file is a plain state_dict of these two parts; names of its other parts would be those of another.
FEATURES, TAGGER = "features.", "classifier."
# Hidden and output layer of the tagger. Places 0, 1 and 4 are pooling, flattening and dropout.
TAGGER_SHAPES = {"2.weight": (512, TOP), "2.bias": (512,), "5.weight": (527, 512), "5.bias": (527,)}


class Mn04(Encoder):
    """The map of mn04 (Schmid, Koutini, Widmer, ICASSP 2023; weights under the MIT licence) on the grid of tokens.

    A cell of the map is 32 frames long and a quarter of the mel bands high, so that each is repeated in two columns and
    two bands of tokens. The network has an image of its own, up to 15 kHz, and its tokens lie on other frequencies than
    those of the other families. Squeeze and excitation average over the whole clip, and convolutions look beyond its
    end: clips of equal length are therefore encoded together, without what follows them.

    Its weights do not learn. It is the teacher that `pretrained/beats_mini.pt` was made with.
    """

    family = "mn04"

    def __init__(self) -> None:
        super().__init__(width=TOP, layers=0)
        self.image = Mn04Image()
        self.features = mobilenet()
        self.requires_grad_(False)

    def log_mel(self, wave: Tensor) -> Tensor:
        """Turn waves `[B x T]` into the network's own images, of as many frames as for other families."""
        image: Tensor = self.image(wave)
        return image[:, : int(frame_counts(torch.tensor(wave.shape[1])))]

    def encode(self, log_mel: Tensor, frames: Tensor, up_to: int | None = None) -> Tokens:
        """Encode clips of equal length together."""
        valid = valid_tokens(frames)
        tokens = log_mel.new_zeros(len(log_mel), valid.shape[1] // BANDS, BANDS, self.width)
        for length in frames.unique().tolist():
            those = frames == length
            tokens[those, : length // PATCH] = self.grid(log_mel[those, :length]).to(tokens.dtype)
        return Tokens((tokens.flatten(1, 2),), valid)

    def grid(self, log_mel: Tensor) -> Tensor:
        """Encode clips of one length, `[B x frames x 128]` to `[B x frames // 16 x 8 x 384]`."""
        cells: Tensor = self.features(log_mel.transpose(1, 2)[:, None]).permute(0, 3, 2, 1)
        repeated = cells.repeat_interleave(STRIDE // PATCH, dim=1).repeat_interleave(STRIDE // PATCH, dim=2)
        return repeated[:, : log_mel.shape[1] // PATCH]

    @classmethod
    def from_cfg(cls, cfg: Mapping[str, Any]) -> "Mn04":
        """Build the network; there is one size only."""
        return cls()

    def to_cfg(self) -> dict[str, Any]:
        """Return the family's name."""
        return {"family": self.family}

    def with_random_weights(self, seed: int) -> "Mn04":
        """Return the network with normal weights (He et al., ICCV 2015) and without biases."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            other = Mn04()
            for module in other.features.modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                    nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        return other

    def facts(self) -> dict[str, str]:
        """Describe the architecture."""
        return {
            "architecture": f"MobileNetV3-Large of width 0.4; tokens of width {self.width}, one for {STRIDE} frames x "
            f"{STRIDE} mel bands",
            "training": "none: its weights do not learn",
        }


def is_published(checkpoint: object) -> bool:
    """Return whether a file's content is a plain state_dict of one of EfficientAT's networks."""
    return isinstance(checkpoint, dict) and "cfg" not in checkpoint and f"{FEATURES}0.0.weight" in checkpoint


def from_published(state: Mapping[object, object], path: Path | str) -> dict[str, Tensor]:
    """Return the weights of `Mn04` from the published ones.

    Parameters
    ----------
    state : mapping
        The state_dict of `mn04_as_mAP_432.pt`.
    path : Path or str
        Of the file, for messages.

    Raises
    ------
    StridorError
        If a tensor is missing, unknown, of another shape or kind, or not finite.
    """
    with torch.device("meta"), NoInitialValues():
        stages = mobilenet()
        expected = published_shapes(stages, FEATURES)
        expected |= {TAGGER + name: torch.empty(shape) for name, shape in TAGGER_SHAPES.items()}
    # Whole numbers, which nothing is computed from.
    weights = {name: value for name, value in state.items() if not str(name).endswith(".num_batches_tracked")}
    check_weights(weights, expected, path)
    known = {name: weights[name] for name in expected}
    return {FEATURES + name: tensor for name, tensor in folded(known, stages, FEATURES).items()}  # type: ignore[arg-type]
