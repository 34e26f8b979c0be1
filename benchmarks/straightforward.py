"""BEATs written down as its formulas read, as a yardstick: the same numbers from the same weights, and no haste.

Time-major tokens, a filter bank per clip, weights normalised anew in every pass, a direct positional convolution, and
in every layer a softmax of its own over logits to which the gated bias, a full [clips · heads x N x N] array, is added.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from stridor.audio._torchaudio import torchaudio
from stridor.audio.fbank import NORMAL_MEAN, NORMAL_SCALE
from stridor.models.attention import relative_position_buckets
from stridor.models.beats import Beats
from stridor.models.encoder import BANDS, PATCH


class Straightforward:
    """The encoder of clips of one length, from the weights of a `Beats` with the published options.

    Parameters
    ----------
    model : Beats
        With gated relative positions and post-norm layers.
    """

    def __init__(self, model: Beats) -> None:
        self.config = model.config
        self.weights = {name: tensor.detach() for name, tensor in model.state_dict().items()}

    def __call__(self, wave: Tensor) -> list[Tensor]:
        """Return the input of the first layer and the output of every layer, each `[B x N x width]`."""
        x = self.patches(self.log_mel(wave))
        x = self.positions(x)
        outputs = [x]
        for layer in range(self.config.encoder_layers):
            x = self.layer(x, layer)
            outputs.append(x)
        return [output.transpose(0, 1) for output in outputs]

    def log_mel(self, wave: Tensor) -> Tensor:
        """Return normalised log-mel images `[B x frames x 128]`, clip by clip."""
        images = [
            torchaudio.compliance.kaldi.fbank(
                clip[None] * 2**15, num_mel_bins=128, sample_frequency=16000, frame_length=25, frame_shift=10
            )
            for clip in wave
        ]
        return (torch.stack(images) - NORMAL_MEAN) / NORMAL_SCALE

    def patches(self, log_mel: Tensor) -> Tensor:
        """Return embedded patches, time-major `[N x B x width]`."""
        columns = log_mel.shape[1] // PATCH
        image = log_mel[:, None, : columns * PATCH]
        x = F.conv2d(image, self.weights["patch_embedding.weight"], self._bias("patch_embedding"), stride=PATCH)
        x = x.flatten(2).permute(2, 0, 1)
        assert len(x) == columns * BANDS
        x = self._norm(x, "layer_norm")
        return self._linear(x, "post_extract_proj") if "post_extract_proj.weight" in self.weights else x

    def positions(self, x: Tensor) -> Tensor:
        """Add the positional convolution and normalise."""
        name = "encoder.pos_conv.0"
        direction = self.weights[f"{name}.weight_v"]
        weight = self.weights[f"{name}.weight_g"] * direction / direction.norm(dim=(0, 1), keepdim=True)
        kernel = weight.shape[-1]
        y = F.conv1d(
            x.permute(1, 2, 0), weight, self.weights[f"{name}.bias"], padding=kernel // 2,
            groups=self.config.conv_pos_groups,
        )  # fmt: skip
        if kernel % 2 == 0:
            y = y[..., :-1]
        return self._norm(x + F.gelu(y).permute(2, 0, 1), "encoder.layer_norm")

    def layer(self, x: Tensor, number: int) -> Tensor:
        """Return a layer's output, `[N x B x width]`."""
        name = f"encoder.layers.{number}"
        alpha = self.config.residual_gain
        x = self._norm(alpha * x + self.attention(x, f"{name}.self_attn"), f"{name}.self_attn_layer_norm")
        y = self._linear(F.gelu(self._linear(x, f"{name}.fc1")), f"{name}.fc2")
        return self._norm(alpha * x + y, f"{name}.final_layer_norm")

    def attention(self, x: Tensor, name: str) -> Tensor:
        """Return the output of self-attention with a gated bias, `[N x B x width]`."""
        count, batch, width = x.shape
        heads = self.config.encoder_attention_heads
        size = width // heads
        query, key, value = (
            self._linear(x, f"{name}.{which}").reshape(count, batch * heads, size).transpose(0, 1)
            for which in ("q_proj", "k_proj", "v_proj")
        )  # each (B · heads) x N x size
        logits = torch.bmm(query / math.sqrt(size), key.transpose(1, 2))
        bias = self.bias(count).repeat(batch, 1, 1)
        gate = self._linear(query, f"{name}.grep_linear").reshape(batch, heads, count, 2, 4).sum(-1).sigmoid()
        update, reset = gate.chunk(2, dim=-1)
        gate = update * (reset * self.weights[f"{name}.grep_a"] - 1) + 2
        logits = logits + gate.reshape(batch * heads, count, 1) * bias
        y = torch.bmm(torch.softmax(logits, dim=-1), value)
        return self._linear(y.transpose(0, 1).reshape(count, batch, width), f"{name}.out_proj")

    def bias(self, count: int) -> Tensor:
        """Return the bias before gating, `[heads x N x N]`."""
        index = torch.arange(count)
        buckets = relative_position_buckets(
            index[None, :] - index[:, None], self.config.num_buckets, self.config.max_distance
        )
        table = self.weights["encoder.layers.0.self_attn.relative_attention_bias.weight"]
        return F.embedding(buckets, table).permute(2, 0, 1)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self._bias(name))

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _bias(self, name: str) -> Tensor | None:
        return self.weights.get(f"{name}.bias")
