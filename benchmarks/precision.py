"""Embedding a clip in lower precision, beside float32."""

import numpy as np
import torch

from benchmarks.encoder import example
from benchmarks.harness import Bench
from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.common.errors import StridorError
from stridor.params.scoring_sections import EmbeddingParams, Precision
from stridor.scoring.embedding import EncoderEmbedder

CASES = [("mini", 1, 10), ("base", 1, 10)]
LOWER: tuple[Precision, ...] = ("bfloat16", "int8")


def run(bench: Bench) -> None:
    """Compare each precision with float32, and say how far its embeddings are."""
    native = {"bfloat16": torch.cpu._is_avx512_bf16_supported(), "int8": torch.cpu._is_vnni_supported()}
    for preset, batch, seconds in [("mini", 2, 1)] if bench.tiny else CASES:
        random = np.random.default_rng(0)
        waves = list(0.1 * random.standard_normal((batch, seconds * SAMPLE_RATE_HZ)).astype(np.float32))
        exact = EncoderEmbedder(example(preset), EmbeddingParams())
        for precision in LOWER:
            case = f"{precision}, {preset}, {batch} x {seconds} s"
            try:
                lower = EncoderEmbedder(example(preset), EmbeddingParams(precision=precision))
            except StridorError:
                bench.note("embedding", case, "not measured", "not on this processor", "none")
                continue
            expected = exact.embed(waves)
            change = np.linalg.norm(lower.embed(waves) - expected) / np.linalg.norm(expected)
            note = f"embeddings differ by {change:.2%}" + ("" if native[precision] else "; emulated on this processor")
            bench.pair("embedding", case, lambda: lower.embed(waves), lambda: exact.embed(waves), batch, note)  # noqa: B023
