"""Side blocks beside a frozen encoder, which learn in its place, and the choice of what learns."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stridor.common.errors import StridorError
from stridor.common.seeds import seed_for
from stridor.models.beats import Beats
from stridor.models.encoder import BANDS, Encoder, Tokens
from stridor.models.gradient_checkpointing import GradientCheckpointingLayer
from stridor.models.log_mel import LogMelPatches
from stridor.models.mn04 import Mn04
from stridor.params.sections import EncoderParams

# What side blocks may stand beside.
PLAIN_FAMILIES: dict[str, type[Encoder]] = {one.family: one for one in (Beats, LogMelPatches, Mn04)}
HEADS = 4
_LARGEST_WIDTH = 8192


class SideBlock(GradientCheckpointingLayer):
    """One transformer block of a side network, and what it adds to the tokens of its layer: at first nothing."""

    def __init__(self, width: int, side_width: int) -> None:
        super().__init__()
        self.down = _projection(width, side_width)
        self.attention = _projection(side_width, 3 * side_width)
        self.attended = nn.Linear(side_width, side_width)
        self.feed_forward = nn.Sequential(
            _projection(side_width, 2 * side_width), nn.GELU(), nn.Linear(2 * side_width, side_width)
        )
        self.up = _projection(side_width, width)
        nn.init.zeros_(cast(nn.Linear, self.up[1]).weight)
        nn.init.zeros_(cast(nn.Linear, self.up[1]).bias)

    def forward(self, state: Tensor, tokens: Tensor, padding_bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the new state `[B x N x side width]`, and what is added to the layer's tokens `[B x N x width]`."""
        state = state + self.down(tokens)
        query, key, value = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.attention(state).chunk(3, dim=-1)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=padding_bias)
        state = state + self.attended(mixed.transpose(1, 2).flatten(2))
        state = state + self.feed_forward(state)
        return state, self.up(state)


class SideTuned(Encoder):
    """A frozen encoder whose layers are corrected by a small network beside it, which alone learns.

    Ladder side-tuning (Sung, Cho, Bansal, NeurIPS 2022): the state of the side network starts from the encoder's input
    and takes in the tokens of every layer; the tokens of a layer are those of the frozen layer plus a projection of the
    state. The projections start from zero, so that at first the tokens equal the frozen encoder's exactly. The frozen
    layers never see what is added, and no gradient passes through them.

    Parameters
    ----------
    base : Encoder
        With at least one layer; its weights no longer learn.
    side_width : int
        A multiple of 4.
    """

    family = "side"

    def __init__(self, base: Encoder, side_width: int) -> None:
        super().__init__(base.width, base.layers)
        self.base, self.side_width = base.requires_grad_(False).eval(), side_width
        self.start = _projection(base.width, side_width)
        self.band = nn.Parameter(torch.zeros(BANDS, side_width))
        self.side = nn.ModuleList(SideBlock(base.width, side_width) for _ in range(base.layers))

    def train(self, mode: bool = True) -> "SideTuned":
        """Set the mode of the side blocks; the frozen encoder has no dropout."""
        super().train(mode)
        self.base.eval()
        return self

    def encode(self, log_mel: Tensor, frames: Tensor, up_to: int | None = None) -> Tokens:
        """Encode by the frozen encoder, then correct its layers."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and log_mel.requires_grad):
            tokens = self.base.encode(log_mel, frames, up_to)
        return Tokens(self.corrected(tokens.layers, tokens.valid), tokens.valid)

    def corrected(self, layers: Sequence[Tensor], valid: Tensor) -> tuple[Tensor, ...]:
        """Add what the side network says to the frozen encoder's layers, `[B x N x width]` each."""
        padding_bias = None
        if not bool(valid.all()):
            padding_bias = torch.zeros(valid.shape, dtype=layers[0].dtype, device=valid.device)
            padding_bias = padding_bias.masked_fill(~valid, -torch.inf)[:, None, None]
        state = (self.start(layers[0]).unflatten(1, (-1, BANDS)) + self.band).flatten(1, 2)
        found = [layers[0]]
        for tokens, block in zip(layers[1:], self.side, strict=False):
            state, addition = block(state, tokens, padding_bias)
            found.append(tokens + addition)
        return tuple(found)

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """The side blocks."""
        return list(self.side)

    @classmethod
    def from_cfg(cls, cfg: Mapping[str, Any]) -> "SideTuned":
        """Build the side network and the encoder that it stands beside."""
        width, base = cfg.get("side_width"), cfg.get("base")
        if type(width) is not int or not HEADS <= width <= _LARGEST_WIDTH or width % HEADS:
            raise StridorError(f"Its cfg has the side_width {str(width)[:50]}; expected a multiple of {HEADS} up to "
                               f"{_LARGEST_WIDTH}. It is damaged, get the file again.")  # fmt: skip
        family = str(base.get("family", Beats.family)) if isinstance(base, dict) else "none"
        if not isinstance(base, dict) or family not in PLAIN_FAMILIES:
            raise StridorError(
                f"Its cfg has side blocks beside an encoder of the family '{family[:50]}', but only "
                f"{', '.join(PLAIN_FAMILIES)} are known; use the version of stridor that wrote it."
            )
        return cls(PLAIN_FAMILIES[family].from_cfg(base), width)

    def to_cfg(self) -> dict[str, Any]:
        """Return the width of the blocks and the cfg of the frozen encoder."""
        return {"family": self.family, "side_width": self.side_width, "base": self.base.to_cfg()}

    def with_random_weights(self, seed: int) -> "SideTuned":
        """Return a frozen encoder with random weights, and new side blocks."""
        return side_tuned(self.base.with_random_weights(seed), self.side_width, seed)

    def facts(self) -> dict[str, str]:
        """Describe the frozen encoder and the blocks beside it."""
        learning = sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)
        blocks = f"{self.layers} of width {self.side_width}, {learning / 1e6:.2f} million parameters"
        return self.base.facts() | {"side blocks": blocks}


def side_tuned(base: Encoder, side_width: int, seed: int) -> SideTuned:
    """Put new side blocks beside an encoder; the same seed gives the same blocks, torch's global state stays."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "side blocks"))
        return SideTuned(base, side_width)


def adapted(encoder: Encoder, params: EncoderParams, seed: int) -> Encoder:
    """Return the encoder that is trained, with the weights that learn marked as such.

    `full`: all of them; `last_layers`: those of the last `adapt_layers` layers, without what these share with others;
    `side`: those of side blocks beside the encoder, which is frozen.

    Raises
    ------
    StridorError
        If the encoder has fewer layers, or side blocks already.
    """
    # An encoder without layers has nothing to train, which `check_trainable` says.
    if params.adapt == "full" or not encoder.layers:
        return encoder
    if params.adapt == "side":
        if isinstance(encoder, SideTuned):
            raise StridorError(
                "The checkpoint has side blocks already; set encoder.adapt to full to train them further, or name the "
                "checkpoint that they were trained from."
            )
        return side_tuned(encoder, params.side_width, seed)
    if params.adapt_layers > encoder.layers:
        raise StridorError(
            f"encoder.adapt_layers is {params.adapt_layers}, but the encoder has {encoder.layers} layers; lower it, or "
            "set encoder.adapt to full."
        )
    encoder.requires_grad_(False)
    others, last = encoder.blocks[: -params.adapt_layers], encoder.blocks[-params.adapt_layers :]
    shared = {id(parameter) for block in others for parameter in block.parameters()}
    for parameter in (parameter for block in last for parameter in block.parameters()):
        parameter.requires_grad_(id(parameter) not in shared)
    return encoder


def _projection(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(inputs), nn.Linear(inputs, outputs))
