"""Clips to embeddings, alone and together."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stridor.audio.fbank import Fbank
from stridor.common.errors import StridorError
from stridor.data.manifest import build_manifest
from stridor.params.scoring_sections import EmbeddingParams
from stridor.params.sections import AudioParams
from stridor.scoring.embedding import MIN_SAMPLES, EncoderEmbedder, LogMelEmbedder
from tiny import tiny_encoder, write_pump

LENGTHS = [2_800, 3_001, 5_359, 5_360, 12_345, 16_001, 16_001]


def waves():
    rng = np.random.default_rng(0)
    return [0.1 * rng.standard_normal(n).astype(np.float32) for n in LENGTHS]


@pytest.mark.parametrize("layer", [-1, 0, 1])
def test_is_the_mean_token_of_the_layer_for_each_clip_alone(layer):
    encoder = tiny_encoder()
    together = EncoderEmbedder(encoder, EmbeddingParams(layer=layer)).embed(waves())
    with torch.no_grad():
        for row, wave in zip(together, waves(), strict=True):
            alone = encoder(torch.from_numpy(wave)[None]).layers[layer][0].mean(0)
            np.testing.assert_allclose(row, alone.numpy(), atol=1e-5)


@pytest.mark.parametrize("pooling", ["gem", "rdp", "bands"])
def test_every_pooling_is_the_same_alone_and_together(pooling):
    embedder = EncoderEmbedder(tiny_encoder(), EmbeddingParams(pooling=pooling))
    together = embedder.embed(waves())
    assert together.shape == (len(LENGTHS), embedder.width)
    alone = np.concatenate([embedder.embed([wave]) for wave in waves()])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_several_ways_lie_side_by_side():
    ways = [EmbeddingParams(layer=0, pooling="bands"), EmbeddingParams(pooling="rdp"), EmbeddingParams(layer=1)]
    embedder = EncoderEmbedder(tiny_encoder(), ways)
    assert embedder.widths == (256, 32, 32)
    for part, way in zip(np.split(embedder.embed(waves()), [256, 288], axis=1), ways, strict=True):
        np.testing.assert_array_equal(part, EncoderEmbedder(tiny_encoder(), way).embed(waves()))


@pytest.mark.parametrize(("layers", "computed"), [([0], 0), ([1, 0], 1), ([-2], 1), ([1, -1], 2)])
def test_layers_behind_the_last_that_is_pooled_are_not_computed(layers, computed):
    encoder = tiny_encoder()
    ran = []
    for layer in encoder.encoder.layers:
        layer.register_forward_hook(lambda *_: ran.append(1))
    EncoderEmbedder(encoder, [EmbeddingParams(layer=layer) for layer in layers]).embed(waves()[:1])
    assert len(ran) == computed


def test_order_and_company_do_not_matter():
    embedder = EncoderEmbedder(tiny_encoder(), EmbeddingParams())
    forward, backward = embedder.embed(waves()), embedder.embed(waves()[::-1])[::-1]
    np.testing.assert_allclose(forward, backward, atol=1e-5)


def test_clips_from_disk_equal_waves(tmp_path, monkeypatch):
    from stridor.audio.files import read_clip

    monkeypatch.chdir(tmp_path)
    write_pump(Path())
    clips = build_manifest(Path("data"), ("pump",)).select("test")
    embedder = EncoderEmbedder(tiny_encoder(), EmbeddingParams())
    from_disk = embedder.embed_clips(clips, AudioParams())
    np.testing.assert_allclose(from_disk, embedder.embed([read_clip(clip.path) for clip in clips]), atol=1e-6)


def test_nothing_gives_an_empty_array():
    embedder = EncoderEmbedder(tiny_encoder(), EmbeddingParams())
    assert embedder.embed([]).shape == (0, 32)
    assert embedder.embed_clips([], AudioParams()).shape == (0, 32)


def test_a_clip_shorter_than_a_patch_is_refused_by_name():
    embedder = EncoderEmbedder(tiny_encoder(), EmbeddingParams())
    assert embedder.embed([np.zeros(MIN_SAMPLES)]).shape == (1, 32)
    with pytest.raises(StridorError, match=r"short\.wav has 2799 samples"):
        embedder.embed([np.zeros(MIN_SAMPLES - 1)], ["short.wav"])


@pytest.mark.parametrize("layer", [-4, 3])
def test_a_layer_that_is_not_there_is_refused(layer):
    with pytest.raises(StridorError, match=r"embedding\.layer"):
        EncoderEmbedder(tiny_encoder(), EmbeddingParams(layer=layer))


def test_the_log_mel_baseline_is_the_mean_spectrum_of_each_clip_alone():
    together = LogMelEmbedder().embed(waves())
    assert together.shape == (len(waves()), 128)
    for row, wave in zip(together, waves(), strict=True):
        alone = Fbank()(torch.from_numpy(wave)[None].float())[0].mean(dim=0)
        np.testing.assert_allclose(row, alone, atol=1e-5)
