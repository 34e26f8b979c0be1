"""The BEATs encoder: waves in, one token per 16 x 16 patch of the log-mel image out.

Written for this project after Chen et al., "BEATs: Audio Pre-Training with Acoustic Tokenizers" (ICML 2023).
Parameter names are those of the published checkpoints, so that these load unchanged.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stridor.models.attention import GatedAttention, relative_position_buckets
from stridor.models.config import BeatsConfig
from stridor.models.encoder import BANDS, PATCH, Encoder, Tokens, valid_tokens
from stridor.models.gradient_checkpointing import GradientCheckpointingLayer
from stridor.models.positional import PositionalConvolution
from stridor.models.remembered import Remembered


class Beats(Encoder):
    """Encoder with the published layout of weights.

    Parameters
    ----------
    config : BeatsConfig
    """

    family = "BEATs"

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__(config.encoder_embed_dim, config.encoder_layers)
        self.config = config
        self.patch_embedding = nn.Conv2d(1, config.embed_dim, PATCH, stride=PATCH, bias=config.conv_bias)
        self.layer_norm = nn.LayerNorm(config.embed_dim)
        self.post_extract_proj = (
            nn.Linear(config.embed_dim, config.encoder_embed_dim)
            if config.embed_dim != config.encoder_embed_dim
            else nn.Identity()
        )
        self.dropout_input = nn.Dropout(config.dropout_input)
        self.encoder = TransformerEncoder(config)
        if config.finetuned_model:
            self.predictor_dropout = nn.Dropout(config.predictor_dropout)
            self.predictor = nn.Linear(config.encoder_embed_dim, config.predictor_class)

    def encode(self, log_mel: Tensor, frames: Tensor, up_to: int | None = None) -> Tokens:
        """Embed every patch, then let all of a clip look at each other, layer by layer."""
        valid = valid_tokens(frames)
        columns = valid.shape[1] // BANDS
        patches = self.patch_embedding(log_mel[:, None, : columns * PATCH])  # B x embed x time x band
        tokens = self.post_extract_proj(self.layer_norm(patches.flatten(2).transpose(1, 2)))
        return Tokens(tuple(self.encoder(self.dropout_input(tokens), valid, up_to)), valid)

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """The transformer layers."""
        return list(self.encoder.layers)

    def class_probabilities(self, tokens: Tokens) -> Tensor:
        """Tag probabilities `[B x classes]` of a fine-tuned checkpoint: sigmoid of the mean logit."""
        logits = self.predictor(self.predictor_dropout(tokens.last))
        weights = tokens.valid[..., None].to(logits.dtype)
        return ((logits * weights).sum(1) / weights.sum(1)).sigmoid()

    @classmethod
    def from_cfg(cls, cfg: Mapping[str, Any]) -> "Beats":
        """Build the architecture of a published cfg."""
        return cls(BeatsConfig.from_cfg(cfg))

    def to_cfg(self) -> dict[str, Any]:
        """Return the published cfg, which names no family."""
        return self.config.to_cfg()

    def with_random_weights(self, seed: int) -> "Beats":
        """Return the same architecture as `random_beats` makes it."""
        return random_beats(self.config, seed)

    def facts(self) -> dict[str, str]:
        """Describe layers and predictor."""
        config = self.config
        fine_tuned = f"yes, for {config.predictor_class} classes (stridor uses the encoder below them)"
        return {
            "architecture": (
                f"{config.encoder_layers} layers of width {config.encoder_embed_dim} (FFN "
                f"{config.encoder_ffn_embed_dim}), {config.encoder_attention_heads} heads, patches of "
                f"{config.input_patch_size} x {config.input_patch_size} embedded in {config.embed_dim}"
            ),
            "fine-tuned": fine_tuned if config.finetuned_model else "no, it holds no predictor",
        }


def random_beats(config: BeatsConfig, seed: int) -> Beats:
    """Build an encoder with random weights.

    Xavier-normal weights with DeepNorm's gain on value, output and feed-forward weights (Wang et al.,
    "DeepNet", 2022); 1 for the others; biases zero.

    Parameters
    ----------
    config : BeatsConfig
    seed : int
        The same seed gives the same weights; torch's global state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Beats(config)
        gained = ("v_proj", "out_proj", "fc1", "fc2")
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                gain = config.initial_gain if name.endswith(gained) else 1.0
                nn.init.xavier_normal_(module.weight.flatten(1), gain=gain)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    return model


class TransformerEncoder(nn.Module):
    """Positional convolution and the stack of layers."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        self.config = config
        self.pos_conv = nn.Sequential(
            PositionalConvolution(config.encoder_embed_dim, config.conv_pos, config.conv_pos_groups),
            nn.GELU(),
        )
        table = None
        if config.relative_position_embedding:
            table = nn.Embedding(config.num_buckets, config.encoder_attention_heads)
        self.layers = nn.ModuleList(Layer(config, table) for _ in range(config.encoder_layers))
        self.layer_norm = nn.LayerNorm(config.encoder_embed_dim)
        self.dropout = nn.Dropout(config.dropout)
        self._bias = Remembered()

    def forward(self, tokens: Tensor, valid: Tensor, up_to: int | None = None) -> list[Tensor]:
        """Return the input of the first layer and the output of every layer up to one, each `[B x N x width]`."""
        padding_bias = None
        if not bool(valid.all()):
            tokens = tokens * valid[..., None]
            padding_bias = torch.zeros(valid.shape, dtype=tokens.dtype, device=tokens.device)
            padding_bias = padding_bias.masked_fill(~valid, -torch.inf)[:, None, None]
        x = tokens + self.pos_conv(tokens.transpose(1, 2)).transpose(1, 2)
        if not self.config.layer_norm_first:
            x = self.layer_norm(x)
        x = self.dropout(x)
        outputs = [x]
        bias = None if up_to == 0 else self._position_bias(x)
        for layer in self.layers[:up_to]:
            x = layer(x, bias, padding_bias)
            outputs.append(x)
        if self.config.layer_norm_first and len(outputs) > len(self.layers):
            outputs[-1] = self.layer_norm(outputs[-1])
        return outputs

    def _position_bias(self, x: Tensor) -> Tensor | None:
        """Bias before gating `[heads x N x N]`."""
        if not self.config.relative_position_embedding:
            return None
        # All layers share one table.
        table = cast(Layer, self.layers[0]).self_attn.relative_attention_bias
        size, device = x.shape[1], x.device
        return self._bias((table.weight,), size, lambda: self._bias_of(table, size, device))

    def _bias_of(self, table: nn.Module, size: int, device: torch.device) -> Tensor:
        config = self.config
        # The bias depends on the distance alone, so a row of 2N - 1 distances holds every value of it.
        distances = torch.arange(1 - size, size, device=device)
        buckets = relative_position_buckets(distances, config.num_buckets, config.max_distance)
        row = table(buckets).T  # heads x (2N - 1)
        index = torch.arange(size, device=device)
        return row[:, index[None, :] - index[:, None] + size - 1]


class Layer(GradientCheckpointingLayer):
    """One transformer layer, with DeepNorm's residual gain (Wang et al., "DeepNet", 2022)."""

    def __init__(self, config: BeatsConfig, bias_table: nn.Embedding | None) -> None:
        super().__init__()
        width = config.encoder_embed_dim
        self.gain = config.residual_gain
        self.norm_first = config.layer_norm_first
        self.self_attn = GatedAttention(config, bias_table)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, config.encoder_ffn_embed_dim)
        self.fc2 = nn.Linear(config.encoder_ffn_embed_dim, width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)
        self.activation_dropout = nn.Dropout(config.activation_dropout)

    def forward(self, x: Tensor, bias: Tensor | None, padding_bias: Tensor | None) -> Tensor:
        """Map tokens `[B x N x width]` to tokens of the same shape."""
        if self.norm_first:
            x = x + self.dropout(self.self_attn(self.self_attn_layer_norm(x), bias, padding_bias))
            return x + self._feed_forward(self.final_layer_norm(x))
        x = self.self_attn_layer_norm(self.gain * x + self.dropout(self.self_attn(x, bias, padding_bias)))
        return self.final_layer_norm(self.gain * x + self._feed_forward(x))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.fc2(self.activation_dropout(F.gelu(self.fc1(x)))))
