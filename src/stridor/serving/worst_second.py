"""Which second of a window makes it sound odd."""

import numpy as np

from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.scoring.embedding import MIN_SAMPLES, Embedder
from stridor.scoring.reference import Reference

PART_SECONDS = 1.0


def worst_second(wave: np.ndarray, embedder: Embedder, reference: Reference, condition: str | None = None) -> float:
    """Return where the second begins without which a window sounds most normal.

    Each second is left out in turn and the rest is scored (occlusion: Zeiler, Fergus, "Visualizing and understanding
    convolutional networks", ECCV 2014, arXiv:1311.2901). Of a sound that is odd throughout, any second may be returned.

    Parameters
    ----------
    wave : float array [T]
        At 16 kHz.
    embedder : Embedder
    reference : Reference
        Of the machine.
    condition : str, optional
        As for `Reference.judge`.

    Returns
    -------
    float
        In seconds; 0 for a window of fewer than two.
    """
    step = round(PART_SECONDS * SAMPLE_RATE_HZ)
    starts = range(0, len(wave) - step + 1, step)
    if len(starts) < 2 or len(wave) - 2 * step < MIN_SAMPLES:
        return 0.0
    # What is left over at the end belongs to the last second.
    ends = [*starts[1:], len(wave)]
    embeddings = embedder.embed_without(wave, list(zip(starts, ends, strict=True)))
    if not np.isfinite(embeddings).all():
        return 0.0
    scores = reference.judge(embeddings, condition=condition).scores
    return starts[int(np.argmin(scores))] / SAMPLE_RATE_HZ
