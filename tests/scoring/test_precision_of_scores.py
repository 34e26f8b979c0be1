"""What lower precision changes in the scores of clips, from the index to the verdict."""

import numpy as np
import pytest
import torch

from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.models.log_mel import LogMelPatches
from stridor.params.scoring_sections import BankParams, EmbeddingParams
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.embedding import EncoderEmbedder
from stridor.scoring.views import ViewsEmbedder
from tiny import tiny_encoder

has_int8 = pytest.mark.skipif(not torch.cpu._is_vnni_supported(), reason="this processor has no AVX-512 VNNI")
LOWER = ["bfloat16", pytest.param("int8", marks=has_int8)]


def clips(count: int, whistle: float, seed: int) -> list[np.ndarray]:
    """Hums of varying pitch in noise, with a whistle of some loudness."""
    rng = np.random.default_rng(seed)
    t = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return [
        0.1 * np.sin(2 * np.pi * rng.uniform(200, 600) * t)
        + whistle * np.sin(2 * np.pi * rng.uniform(3_000, 5_000) * t)
        + 0.02 * rng.standard_normal(len(t))
        for _ in range(count)
    ]


def scores(precision: str) -> np.ndarray:
    embedder = EncoderEmbedder(tiny_encoder(), EmbeddingParams(pooling="bands", precision=precision))
    normal = embedder.embed(clips(24, 0.0, seed=0))
    bank = ReferenceBank(BankParams()).fit(normal, ["source"] * 24, [f"{i}.wav" for i in range(24)])
    return bank.score_samples(embedder.embed(clips(12, 0.0, seed=1) + clips(12, 0.01, seed=2)))


@pytest.mark.parametrize("precision", LOWER)
def test_scores_change_by_three_percent_at_most(precision):
    exact, rounded = scores("float32"), scores(precision)
    change = np.abs(rounded / exact - 1)
    assert 0 < change.max() < 0.03
    # Normal clips differ from each other by ten times as much.
    assert change.max() < 0.1 * exact[:12].std() / exact[:12].mean()


@pytest.mark.parametrize("precision", LOWER)
def test_a_clip_is_embedded_the_same_alone_and_beside_a_loud_one(precision):
    embedder = EncoderEmbedder(tiny_encoder(), EmbeddingParams(precision=precision))
    quiet = 0.01 * np.random.default_rng(0).standard_normal(8_000)
    together = embedder.embed([quiet, 50 * np.random.default_rng(1).standard_normal(12_000).clip(-1, 1)])
    alone = embedder.embed([quiet])
    # A digit that rounds the other way is a step of its precision, in one token of many.
    tolerance = 1e-2 if precision == "bfloat16" else 1e-3
    np.testing.assert_allclose(together[:1], alone, atol=tolerance)
    assert together.dtype == np.float32


@pytest.mark.parametrize("precision", LOWER)
def test_views_share_an_encoder_of_lower_precision(precision):
    encoder, wave = tiny_encoder(), clips(1, 0.0, seed=0)
    ways = [EmbeddingParams(layer=layer, precision=precision) for layer in (1, 2)]
    embedder = ViewsEmbedder([*((encoder, way) for way in ways), (LogMelPatches(1), EmbeddingParams(layer=0))])
    assert embedder.parts[0].encoder is embedder.parts[1].encoder
    expected = [EncoderEmbedder(encoder, way).embed(wave) for way in ways]
    np.testing.assert_allclose(embedder.embed(wave)[:, :64], np.concatenate(expected, axis=1), atol=1e-5)


def test_settings_of_one_pass_share_their_precision():
    with pytest.raises(ValueError, match="too many values"):
        EncoderEmbedder(tiny_encoder(), [EmbeddingParams(), EmbeddingParams(precision="bfloat16")])
