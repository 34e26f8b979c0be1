"""Pooling of a clip's tokens into one vector."""

import numpy as np
import torch
from torch import Tensor

from stridor.models.encoder import BANDS
from stridor.params.scoring_sections import PATCHES, EmbeddingParams

# What a value stays below for 5, 50 and 95 % of the time.
QUANTILES = (0.05, 0.5, 0.95)


def pool(tokens: Tensor, valid: Tensor, params: EmbeddingParams) -> Tensor:
    """Pool the tokens that count, the same for a clip alone and in any padded batch.

    Parameters
    ----------
    tokens : Tensor[B x N x width]
        Token index = time · 8 + band.
    valid : Tensor[B x N], bool
        At least one token of each clip.
    params : EmbeddingParams
        `pooling` and the parameter that belongs to it.

    Returns
    -------
    Tensor[B x pooled_width]
        Band after band where the bands are pooled each by itself.
    """
    if params.pooling == "gem":
        return generalised_mean_pool(tokens, valid, params.gem_p)
    if params.pooling == "rdp":
        return relative_deviation_pool(tokens, valid, params.rdp_gamma)
    if params.pooling == "rdp_gem":
        weights = _deviation_weights(tokens, valid, params.rdp_gamma)
        return generalised_mean_pool(tokens, valid, params.gem_p, weights)
    if params.pooling == "mean_std":
        return band_deviation_pool(tokens, valid)
    if params.pooling == "quantiles":
        return band_quantile_pool(tokens, valid)
    if params.pooling == "patches":
        return patch_pool(tokens, valid, PATCHES)
    return band_pool(tokens, valid) if params.pooling == "bands" else mean_pool(tokens, valid)


def pooled_width(width: int, params: EmbeddingParams) -> int:
    """Return how many values `pool` makes of tokens of some width."""
    parts = {"bands": BANDS, "mean_std": 2 * BANDS, "quantiles": BANDS * len(QUANTILES), "patches": BANDS * PATCHES}
    return parts.get(params.pooling, 1) * width


def mean_pool(tokens: Tensor, valid: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean over the tokens that count, Tensor[B x width]; the literal setting, unless there are weights `[B x N]`."""
    weights = (valid.to(tokens.dtype) if weights is None else weights)[..., None]
    return (tokens * weights).sum(dim=1) / weights.sum(dim=1)


def generalised_mean_pool(tokens: Tensor, valid: Tensor, p: float, weights: Tensor | None = None) -> Tensor:
    """p-th root of the mean p-th power of the positive parts, Tensor[B x width].

    Radenović, Tolias, Chum, "Fine-tuning CNN image retrieval with no human annotation" (TPAMI 2019), in the form
    of Wilkinghoff, Yadav, Tan (arXiv:2603.04605) for signed tokens: negative values count as 0, since powers of
    them are not monotonic for an even p and not real for a broken one. With the weights of `relative_deviation_pool`,
    `[B x N]`, it is that paper's hybrid of the two.
    """
    positive = tokens.clamp(min=0)
    # Divided by the largest value first: neither large nor small powers leave the range of half precision.
    largest = positive.masked_fill(~valid[..., None], 0).amax(dim=1, keepdim=True)
    scale = torch.where(largest > 0, largest, torch.ones_like(largest))
    return scale[:, 0] * mean_pool((positive / scale).clamp(max=1) ** p, valid, weights) ** (1 / p)


def relative_deviation_pool(tokens: Tensor, valid: Tensor, gamma: float) -> Tensor:
    """Mean with the weights (1 + d / max d)^gamma, d a token's distance to the clip's mean, Tensor[B x width].

    Wilkinghoff, Yadav, Tan, "Temporal pooling strategies for training-free anomalous sound detection with
    self-supervised audio embeddings" (arXiv:2603.04605), with tokens in the place of frames: what is unlike the
    rest of the clip counts more. 0 is the mean.
    """
    return mean_pool(tokens, valid, _deviation_weights(tokens, valid, gamma))


def _deviation_weights(tokens: Tensor, valid: Tensor, gamma: float) -> Tensor:
    deviation = (tokens - mean_pool(tokens, valid)[:, None]).norm(dim=-1).masked_fill(~valid, 0)
    largest = deviation.amax(dim=1, keepdim=True)
    relative = deviation / torch.where(largest > 0, largest, torch.ones_like(largest))
    return (1 + relative) ** gamma * valid


def band_pool(tokens: Tensor, valid: Tensor) -> Tensor:
    """Mean over time for each of the 8 frequency bands, Tensor[B x 8 · width], band after band."""
    # The bands of a column of tokens are valid together, so that no band is empty.
    grid, counts = tokens.unflatten(1, (-1, BANDS)), valid.unflatten(1, (-1, BANDS))
    weights = counts[..., None].to(tokens.dtype)
    return ((grid * weights).sum(dim=1) / weights.sum(dim=1)).flatten(1)


def band_deviation_pool(tokens: Tensor, valid: Tensor) -> Tensor:
    """Mean and standard deviation over time for each of the 8 bands, Tensor[B x 8 · 2 · width], band after band."""
    grid, counts = tokens.unflatten(1, (-1, BANDS)), valid.unflatten(1, (-1, BANDS))
    weights = counts[..., None].to(tokens.dtype)
    moments = weights.sum(dim=1)
    mean = (grid * weights).sum(dim=1) / moments
    variance = ((grid - mean[:, None]).square() * weights).sum(dim=1) / moments
    return torch.stack([mean, variance.sqrt()], dim=2).flatten(1)


def band_quantile_pool(tokens: Tensor, valid: Tensor) -> Tensor:
    """5, 50 and 95 % quantiles over time for each of the 8 bands, Tensor[B x 8 · 3 · width], band after band.

    Between two tokens a quantile is interpolated linearly, as NumPy does it. Unlike a mean, the three tell a steady
    sound from one that comes and goes.
    """
    grid, counts = tokens.unflatten(1, (-1, BANDS)), valid.unflatten(1, (-1, BANDS))
    # What does not count comes last.
    ordered = _sorted(grid.masked_fill(~counts[..., None], torch.inf))
    last = counts[:, :, 0].sum(dim=1) - 1
    found = []
    for quantile in QUANTILES:
        # In float64, so that the place does not depend on the precision of the tokens.
        place = quantile * last.double()
        below = place.long()
        low, high = (_at(ordered, index) for index in (below, torch.minimum(below + 1, last)))
        found.append(low + (high - low) * (place - below).to(tokens.dtype)[:, None, None])
    return torch.stack(found, dim=2).flatten(1)


def patch_pool(tokens: Tensor, valid: Tensor, count: int) -> Tensor:
    """Tokens that stand for all of each of the 8 bands, Tensor[B x 8 · count · width], band after band.

    The first of a band is the token nearest to the band's mean, and each further one the token furthest from those
    before: the greedy coreset of Roth et al., "Towards total recall in industrial anomaly detection" (CVPR 2022), by
    which a memory of patches stays small, within a clip. Of a clip with fewer tokens they are repeated.
    """
    grid, counts = tokens.unflatten(1, (-1, BANDS)), valid.unflatten(1, (-1, BANDS))[:, :, :1]
    mean = band_pool(tokens, valid).unflatten(1, (BANDS, -1))
    # Nothing is as far as what does not count is near.
    nearness = -(grid - mean[:, None]).norm(dim=-1).masked_fill(~counts, torch.inf)
    chosen = [nearness.argmax(dim=1)]  # B x 8
    apart = torch.full_like(nearness, torch.inf)
    for _ in range(count - 1):
        last = _of_bands(grid, chosen[-1])
        apart = torch.minimum(apart, (grid - last[:, None]).norm(dim=-1)).masked_fill(~counts, -torch.inf)
        chosen.append(apart.argmax(dim=1))
    return torch.stack([_of_bands(grid, one) for one in chosen], dim=2).flatten(1)


def _of_bands(grid: Tensor, index: Tensor) -> Tensor:
    """Take a moment of each band, `[B x T x 8 x width]` by `[B x 8]` to `[B x 8 x width]`."""
    return grid.gather(1, index[:, None, :, None].expand(-1, 1, -1, grid.shape[-1]))[:, 0]


def _sorted(values: Tensor) -> Tensor:
    """Sort along dimension 1; on a CPU by NumPy, which takes a tenth of the time, where nothing looks on."""
    watched = values.requires_grad or torch.jit.is_tracing() or torch.compiler.is_compiling()
    if watched or values.device.type != "cpu" or values.dtype not in (torch.float32, torch.float64):
        return values.sort(dim=1).values
    return torch.from_numpy(np.sort(values.numpy(), axis=1))


def _at(ordered: Tensor, index: Tensor) -> Tensor:
    """Take one moment of each clip, `[B x T x 8 x width]` to `[B x 8 x width]`."""
    return ordered[torch.arange(len(ordered), device=ordered.device), index]
