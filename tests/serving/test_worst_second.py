"""The second that sounds worst, against faults that were put there."""

import numpy as np
import pytest
import torch

from recordings import noise
from stridor.models.log_mel import LogMelPatches
from stridor.params.scoring_sections import BankParams, EmbeddingParams
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.embedding import EncoderEmbedder, LogMelEmbedder
from stridor.scoring.reference import MachineReference
from stridor.scoring.threshold import calibrate
from stridor.scoring.views import ViewsEmbedder
from stridor.serving.detector import Detector
from stridor.serving.worst_second import worst_second
from tiny import tiny_encoder

COUNT, SECONDS = 12, 6


def bursting(second, seed=99):
    """Return noise in which a second holds a whistle."""
    wave = noise(SECONDS, seed)
    at = slice(second * 16000, (second + 1) * 16000)
    wave[at] += 0.1 * np.sin(2 * np.pi * 2000 * np.arange(16000) / 16000)
    return wave


def embedders():
    spectrum = LogMelPatches(frames=1)
    ways = [(spectrum, EmbeddingParams(layer=0, pooling=pooling)) for pooling in ("mean_std", "quantiles")]
    return [LogMelEmbedder(), EncoderEmbedder(spectrum, ways[0][1]), ViewsEmbedder(ways)]


@pytest.mark.parametrize("embedder", embedders(), ids=["cut out", "tokens", "views"])
def test_the_second_of_a_fault_is_found_in_a_clip_and_in_a_recording(embedder):
    normals = embedder.embed([noise(SECONDS, i) for i in range(COUNT)])
    bank = ReferenceBank(BankParams()).fit(normals, ["source"] * COUNT, [f"{i}.wav" for i in range(COUNT)])
    reference = MachineReference(bank, calibrate(bank.leave_one_out_scores(), clip_seconds=float(SECONDS)))
    detector = Detector(embedder, {"pump": reference})
    for second in range(SECONDS):
        verdict = detector.score(bursting(second))
        assert verdict.anomalous
        assert verdict.worst_second == second
    long = np.concatenate([noise(SECONDS, 50), bursting(4), noise(SECONDS, 51)])
    assert detector.score(long).worst_second == SECONDS + 4
    assert detector.score(long).oddest_start == SECONDS


def test_a_window_of_less_than_two_seconds_has_one(tmp_path):
    embedder = LogMelEmbedder()
    normals = embedder.embed([noise(1.9, i) for i in range(COUNT)])
    bank = ReferenceBank(BankParams()).fit(normals, ["source"] * COUNT, [f"{i}.wav" for i in range(COUNT)])
    reference = MachineReference(bank, calibrate(bank.leave_one_out_scores()))
    assert worst_second(noise(1.9, 99), embedder, reference) == 0
    assert worst_second(noise(2.0, 99), embedder, reference) == 0


def test_tokens_of_a_part_do_not_count():
    encoder, wave = tiny_encoder(), noise(3.2, 0)
    embedder = EncoderEmbedder(encoder, EmbeddingParams(layer=0, pooling="mean"))
    found = embedder.embed_without(wave, [(0, 16000), (16000, 32000), (len(wave), len(wave))])
    with torch.inference_mode():
        tokens = encoder(torch.from_numpy(wave.astype(np.float32))[None], up_to=0)
    values = tokens.layers[0][0].unflatten(0, (-1, 8)).numpy()
    middle = (np.arange(len(values)) + 0.5) / len(values) * len(wave)
    for row, (start, end) in zip(found, [(0, 16000), (16000, 32000), (0, 0)], strict=True):
        kept = (middle < start) | (middle >= end)
        np.testing.assert_allclose(row, values[kept].mean(axis=(0, 1)), atol=1e-5)
