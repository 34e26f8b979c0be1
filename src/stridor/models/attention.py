"""Self-attention with BEATs' gated relative position bias."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stridor.models.config import BeatsConfig


def relative_position_buckets(distances: Tensor, num_buckets: int, max_distance: int) -> Tensor:
    """Bucket of each distance (key index - query index), as in T5 (Raffel et al., 2020).

    Half of the buckets are for each sign; within a half, distances are exact up to half of its buckets and
    then logarithmic up to `max_distance`.

    Parameters
    ----------
    distances : Tensor, int64, any shape

    Returns
    -------
    Tensor, int64, of the same shape
    """
    per_sign = num_buckets // 2
    exact = per_sign // 2
    magnitude = distances.abs()
    # Single precision on purpose: published weights were trained with buckets rounded this way.
    ratio = torch.log(magnitude.clamp_min(1).float() / exact) / math.log(max_distance / exact)
    logarithmic = (exact + (ratio * (per_sign - exact)).long()).clamp(max=per_sign - 1)
    return torch.where(magnitude < exact, magnitude, logarithmic) + per_sign * (distances > 0)


class GatedAttention(nn.Module):
    """Multi-head self-attention whose relative position bias every query gates for itself.

    The table of biases belongs to layer 0 and is shared by all layers; each has a gate of its own (Chi et
    al., "XLM-E", 2022, used by WavLM and BEATs).

    Parameters
    ----------
    bias_table : nn.Embedding or None
        Shared table (buckets x heads).
    """

    def __init__(self, config: BeatsConfig, bias_table: nn.Embedding | None) -> None:
        super().__init__()
        width, self.heads = config.encoder_embed_dim, config.encoder_attention_heads
        self.head_width = width // self.heads
        self.dropout = config.attention_dropout
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))
        if bias_table is not None:
            self.relative_attention_bias = bias_table
        if config.gru_rel_pos:
            self.grep_linear = nn.Linear(self.head_width, 8)
            self.grep_a = nn.Parameter(torch.ones(1, self.heads, 1, 1))
        self.gated = config.gru_rel_pos

    def forward(self, tokens: Tensor, bias: Tensor | None, padding_bias: Tensor | None) -> Tensor:
        """Attend.

        Parameters
        ----------
        tokens : Tensor[B x N x width]
        bias : Tensor[heads x N x N] or None
            Relative position bias before gating.
        padding_bias : Tensor[B x 1 x 1 x N] or None
            Zero for keys that count, minus infinity for padded ones.

        Returns
        -------
        Tensor[B x N x width]
        """
        query, key, value = (
            proj(tokens).unflatten(-1, (self.heads, self.head_width)).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        gate = self._gate(query) if bias is not None and self.gated else None
        dropout = self.dropout if self.training else 0.0
        on_cpu = query.device.type == "cpu"
        if on_cpu and gate is not None and bias is not None and not torch.is_grad_enabled():
            mixed = _clip_by_clip(query, key, value, gate, bias, padding_bias)
        else:
            mask = _mask(gate, bias, padding_bias, query.dtype)
            if on_cpu and gate is not None and mask is not None:
                mixed = _for_gradients(query, key, value, mask, dropout)
            else:
                mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))

    def _gate(self, query: Tensor) -> Tensor:
        """Gate per head and query `[B x heads x N x 1]`, from the query before scaling."""
        update, reset = (
            self.grep_linear(query).unflatten(-1, (2, 4)).sum(-1).sigmoid().chunk(2, dim=-1)
        )  # each B x heads x N x 1
        return update * (reset * self.grep_a - 1.0) + 2.0


def _mask(gate: Tensor | None, bias: Tensor | None, padding_bias: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Return what is added to the logits of all clips."""
    mask = None if bias is None else bias[None]
    if mask is not None and gate is not None:
        mask = gate * mask
    if padding_bias is not None:
        mask = padding_bias if mask is None else mask + padding_bias
    return None if mask is None else mask.to(dtype)


def _for_gradients(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, dropout: float) -> Tensor:
    """Attend with a mask that has gradients, `[B x heads x N x head width]`.

    `scaled_dot_product_attention` has no fast kernel for this on a CPU. The formulation that it falls back to also
    looks for queries without any key, in three more passes over the logits; here, every clip has a token that counts.
    """
    batch, heads, _, width = query.shape
    query, key, value, mask = (x.flatten(0, 1) for x in (query, key, value, mask))
    weights = torch.baddbmm(mask, query, key.transpose(1, 2), alpha=width**-0.5).softmax(dim=-1)
    return torch.bmm(F.dropout(weights, dropout), value).unflatten(0, (batch, heads))


def _clip_by_clip(
    query: Tensor, key: Tensor, value: Tensor, gate: Tensor, bias: Tensor, padding_bias: Tensor | None
) -> Tensor:
    """Attend without gradients, `[B x heads x N x head width]`; the same bits as all clips at once.

    Clip by clip, what is added to the logits stays near the processor in one buffer instead of filling fresh memory.
    """
    mixed = torch.empty_like(query)
    mask = torch.empty_like(bias, dtype=query.dtype)
    for clip in range(len(query)):
        torch.mul(gate[clip], bias, out=mask)
        if padding_bias is not None:
            mask += padding_bias[clip]
        one = slice(clip, clip + 1)
        mixed[one] = F.scaled_dot_product_attention(query[one], key[one], value[one], attn_mask=mask[None])
    return mixed
