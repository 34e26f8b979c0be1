"""The encoder without weights, against the filter bank itself."""

import numpy as np
import pytest
import torch

from stridor.audio.fbank import Fbank
from stridor.common.errors import StridorError
from stridor.models.checkpoint import load_encoder, save_encoder
from stridor.models.log_mel import LogMelPatches
from stridor.params.scoring_sections import EmbeddingParams
from stridor.scoring.embedding import EncoderEmbedder

# Samples of whole patches: 16 and 48 frames.
WHOLE = (2_800, 7_920)


def waves(lengths: tuple[int, ...] = WHOLE) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [0.1 * rng.standard_normal(length).astype(np.float32) for length in lengths]


def test_a_token_is_the_mean_spectrum_of_its_patch():
    (wave,) = (torch.from_numpy(one)[None] for one in waves((6_000,)))
    tokens, image = LogMelPatches()(wave).last[0], Fbank()(wave)[0]
    assert tokens.shape == (2 * 8, 16)
    for column, band in ((0, 0), (0, 7), (1, 3)):
        patch = image[16 * column : 16 * column + 16, 16 * band : 16 * band + 16]
        torch.testing.assert_close(tokens[8 * column + band], patch.mean(dim=0))


def test_with_the_pooling_bands_a_clip_is_its_mean_spectrum_alone_and_together():
    together = EncoderEmbedder(LogMelPatches(), EmbeddingParams(pooling="bands")).embed(waves())
    for row, wave in zip(together, waves(), strict=True):
        np.testing.assert_allclose(row, Fbank()(torch.from_numpy(wave)[None])[0].mean(dim=0), atol=1e-5)


def test_with_tokens_of_one_frame_quantiles_are_those_of_every_mel_band():
    clips = waves((6_000, 2_900))
    together = EncoderEmbedder(LogMelPatches(frames=1), EmbeddingParams(pooling="quantiles")).embed(clips)
    for row, wave in zip(together, clips, strict=True):
        image = Fbank()(torch.from_numpy(wave)[None])[0].double().numpy()
        direct = np.quantile(image, (0.05, 0.5, 0.95), axis=0)
        np.testing.assert_allclose(row.reshape(8, 3, 16).swapaxes(0, 1).reshape(3, 128), direct, atol=1e-5)


def test_layers_of_a_network_are_refused():
    with pytest.raises(StridorError, match=r"layer is 1, but the encoder has 0 layers; choose 0 \(its only tokens\)"):
        EncoderEmbedder(LogMelPatches(), EmbeddingParams(layer=1))


def test_its_file_contains_the_family(tmp_path):
    save_encoder(LogMelPatches(), tmp_path / "log_mel.pt")
    assert torch.load(tmp_path / "log_mel.pt", weights_only=True) == {"cfg": {"family": "log_mel"}, "model": {}}
    assert isinstance(load_encoder(tmp_path / "log_mel.pt"), LogMelPatches)
    save_encoder(LogMelPatches(frames=1), tmp_path / "frames.pt")
    assert load_encoder(tmp_path / "frames.pt").frames == 1
