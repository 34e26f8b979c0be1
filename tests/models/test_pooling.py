"""Every pooling against NumPy on each clip alone, in padded batches of odd lengths."""

import numpy as np
import pytest
import torch

from stridor.models.pooling import pool, pooled_width
from stridor.params.scoring_sections import PATCHES, EmbeddingParams

WIDTH = 5
COLUMNS = (1, 7, 31)


def direct(tokens: np.ndarray, params: EmbeddingParams) -> np.ndarray:
    """Pool one clip's own tokens [N x width] in float64."""
    tokens = tokens.astype(np.float64)
    match params.pooling:
        case "gem":
            return (np.maximum(tokens, 0) ** params.gem_p).mean(axis=0) ** (1 / params.gem_p)
        case "rdp":
            deviation = np.linalg.norm(tokens - tokens.mean(axis=0), axis=1)
            return np.average(tokens, axis=0, weights=(1 + deviation / deviation.max()) ** params.rdp_gamma)
        case "rdp_gem":
            deviation = np.linalg.norm(tokens - tokens.mean(axis=0), axis=1)
            weights = (1 + deviation / deviation.max()) ** params.rdp_gamma
            powers = np.maximum(tokens, 0) ** params.gem_p
            return np.average(powers, axis=0, weights=weights) ** (1 / params.gem_p)
        case "bands":
            return np.concatenate([tokens[band::8].mean(axis=0) for band in range(8)])
        case "mean_std":
            grid = tokens.reshape(-1, 8, WIDTH)
            return np.stack([grid.mean(axis=0), grid.std(axis=0)], axis=1).ravel()
        case "quantiles":
            quantiles = np.quantile(tokens.reshape(-1, 8, WIDTH), (0.05, 0.5, 0.95), axis=0)
            return quantiles.swapaxes(0, 1).ravel()
        case "patches":
            return np.concatenate([greedy_coreset(tokens[band::8]) for band in range(8)]).ravel()
    return tokens.mean(axis=0)


def greedy_coreset(points: np.ndarray) -> np.ndarray:
    """Take the point nearest to the mean, then again and again the one furthest from all that were taken."""
    taken = [int(np.linalg.norm(points - points.mean(axis=0), axis=1).argmin())]
    while len(taken) < PATCHES:
        apart = np.linalg.norm(points[:, None] - points[taken], axis=2).min(axis=1)
        taken.append(int(apart.argmax()))
    return points[taken]


def batch(padding: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return tokens of three clips with something in the place of padding."""
    tokens = torch.full((len(COLUMNS), 8 * max(COLUMNS), WIDTH), padding)
    valid = torch.arange(tokens.shape[1]) < 8 * torch.tensor(COLUMNS)[:, None]
    tokens[valid] = torch.randn(int(valid.sum()), WIDTH, generator=torch.Generator().manual_seed(0))
    return tokens, valid


@pytest.mark.parametrize("padding", [0.0, 100.0, -100.0])
@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "mean"},
        {"pooling": "gem"},
        {"pooling": "gem", "gem_p": 1},
        {"pooling": "gem", "gem_p": 25},
        {"pooling": "rdp"},
        {"pooling": "rdp", "rdp_gamma": 0},
        {"pooling": "rdp", "rdp_gamma": 25},
        {"pooling": "rdp_gem"},
        {"pooling": "rdp_gem", "gem_p": 1.5, "rdp_gamma": 9},
        {"pooling": "bands"},
        {"pooling": "patches"},
        {"pooling": "mean_std"},
        {"pooling": "quantiles"},
    ],
)
def test_equals_the_direct_computation_on_the_clip_alone(options, padding):
    params = EmbeddingParams(**options)
    tokens, valid = batch(padding)
    pooled = pool(tokens, valid, params)
    assert pooled.shape == (len(COLUMNS), pooled_width(WIDTH, params))
    for i, columns in enumerate(COLUMNS):
        own = tokens[i, : 8 * columns]
        np.testing.assert_allclose(pooled[i], direct(own.numpy(), params), atol=1e-5)
        alone = pool(own[None], torch.ones(1, len(own), dtype=torch.bool), params)
        np.testing.assert_allclose(pooled[i], alone[0], atol=1e-5)


def test_weights_of_nothing_remarkable_are_the_mean():
    tokens, valid = batch(0.0)
    mean = pool(tokens, valid, EmbeddingParams())
    torch.testing.assert_close(pool(tokens, valid, EmbeddingParams(pooling="rdp", rdp_gamma=0)), mean)
    same = torch.full((1, 16, WIDTH), 0.3)
    everything = torch.ones(1, 16, dtype=torch.bool)
    for pooling in ("rdp", "gem", "rdp_gem", "mean"):
        pooled = pool(same, everything, EmbeddingParams(pooling=pooling))
        torch.testing.assert_close(pooled, torch.full((1, WIDTH), 0.3))


def test_features_that_are_never_positive_pool_to_zero():
    tokens, everything = -torch.rand(2, 16, WIDTH), torch.ones(2, 16, dtype=torch.bool)
    assert not pool(tokens, everything, EmbeddingParams(pooling="gem")).any()


def test_large_powers_stay_within_the_range():
    tokens, everything = torch.tensor([1e-3, 1e3]).repeat(1, 8)[..., None], torch.ones(1, 16, dtype=torch.bool)
    pooled = pool(tokens, everything, EmbeddingParams(pooling="gem", gem_p=200.0))
    assert pooled.item() == pytest.approx(1e3 * 0.5 ** (1 / 200), rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_quantiles_are_the_same_with_and_without_gradients(dtype):
    tokens = torch.randn((3, 8 * 50, WIDTH), generator=torch.Generator().manual_seed(0), dtype=dtype)
    valid = torch.ones((3, 8 * 50), dtype=torch.bool)
    valid[1, 8 * 20 :] = False
    learning = tokens.clone().requires_grad_()
    params = EmbeddingParams(pooling="quantiles")
    assert torch.equal(pool(tokens, valid, params), pool(learning, valid, params))
