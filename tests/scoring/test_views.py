"""Embeddings of several views."""

import numpy as np
import pytest

from stridor.common.errors import StridorError
from stridor.models.checkpoint import save_encoder
from stridor.models.log_mel import LogMelPatches
from stridor.params.scoring_sections import BankParams, EmbeddingParams, ViewParams, views_of
from stridor.scoring.embedding import EncoderEmbedder
from stridor.scoring.views import ViewsEmbedder, detector_embedder, load_embedder
from tiny import tiny_encoder

SHARED = EmbeddingParams(layer=1, pooling="bands")
VIEWS = (
    ViewParams(encoder="log_mel", pooling="quantiles", metric="whitened"),
    ViewParams(encoder="frozen"),
    ViewParams(encoder="fine_tuned", layer=0, pooling="mean", k=2),
    ViewParams(encoder="frozen", layer=2),
)
WAYS = (
    ("log_mel", EmbeddingParams(layer=0, pooling="quantiles")),
    ("frozen", SHARED),
    ("fine_tuned", EmbeddingParams(layer=0, pooling="mean")),
    ("frozen", EmbeddingParams(layer=2, pooling="bands")),
)


def waves() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [0.1 * rng.standard_normal(length).astype(np.float32) for length in (6_000, 3_000, 9_000)]


def test_what_a_view_does_not_set_is_shared():
    bank = BankParams(metric="cosine", k=3, views=VIEWS)
    assert views_of(SHARED, bank) == WAYS
    assert [view.bank(bank).metric for view in VIEWS] == ["whitened", "cosine", "cosine", "cosine"]
    assert [view.bank(bank).k for view in VIEWS] == [3, 3, 2, 3]
    assert views_of(SHARED, BankParams()) == (("fine_tuned", SHARED),)


def test_the_layer_of_the_fine_tuned_encoder_is_not_that_of_the_tagger():
    views = (ViewParams(encoder="tagger"), ViewParams(encoder="tagger", layer=1), ViewParams(encoder="log_mel"))
    assert [way.layer for _, way in views_of(SHARED, BankParams(views=views))] == [-1, 1, 0]


def test_an_embedding_holds_the_views_one_after_the_other():
    encoders = {"frozen": tiny_encoder(0), "fine_tuned": tiny_encoder(1), "log_mel": LogMelPatches(frames=1)}
    embedder = detector_embedder(WAYS, encoders)
    parts = np.split(embedder.embed(waves()), np.cumsum(embedder.widths)[:-1], axis=1)
    for (name, way), part in zip(WAYS, parts, strict=True):
        np.testing.assert_array_equal(part, EncoderEmbedder(encoders[name], way).embed(waves()))


def test_an_encoder_of_two_views_and_the_filter_bank_of_all_run_once():
    encoder, spectrum, images, runs = tiny_encoder(), LogMelPatches(), [], []
    encoder.fbank.register_forward_hook(lambda *_: images.append(1))
    spectrum.fbank.register_forward_hook(lambda *_: images.append(1))
    encoder.patch_embedding.register_forward_hook(lambda *_: runs.append(1))
    ViewsEmbedder([(encoder, SHARED), (spectrum, EmbeddingParams(layer=0)), (encoder, EmbeddingParams(layer=0))]).embed(
        waves()[:1]
    )
    assert len(runs) == len(images) == 1


def test_a_detector_loads_from_its_files(tmp_path):
    for name, seed in (("frozen", 0), ("encoder", 1), ("tagger", 2)):
        save_encoder(tiny_encoder(seed), tmp_path / f"{name}.pt")
    files = {name: tmp_path / f"{name}.pt" for name in ("encoder", "frozen", "tagger")}
    ways = (*WAYS, ("tagger", EmbeddingParams()))
    loaded = load_embedder(ways, files)
    made = detector_embedder(
        ways, {"frozen": tiny_encoder(0), "fine_tuned": tiny_encoder(1), "tagger": tiny_encoder(2)}
    )
    np.testing.assert_array_equal(loaded.embed(waves()), made.embed(waves()))
    for missing, name in (("frozen", "frozen"), ("encoder", "fine_tuned"), ("tagger", "tagger")):
        with pytest.raises(StridorError, match=f"needs the encoder '{name}', whose file is not there"):
            load_embedder(ways, {one: file for one, file in files.items() if one != missing})
