"""Batches of clips of similar length, so that little of a batch is padding."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

# The memory of attention grows with the square of a clip's length, so batches of longer clips are smaller.
FULL_BATCH_SAMPLES = 12 * 16000


def similar_length_batches(
    lengths: Sequence[int], batch_size: int, rng: np.random.Generator | None = None
) -> list[list[int]]:
    """Group clips into batches of similar length.

    Parameters
    ----------
    lengths : sequence of int
        Samples of each clip.
    batch_size : int
        Clips in a batch; fewer where clips are longer than 12 s.
    rng : Generator, optional
        Shuffles clips of equal length among batches, and the batches themselves. If not given, batches are in order of
        decreasing length.

    Returns
    -------
    list of list of int
        Indices; every clip is in exactly one batch.
    """
    order = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
    order = order[np.argsort(np.asarray(lengths, dtype=np.int64)[order], kind="stable")][::-1]
    batches: list[list[int]] = []
    room = 0
    for index in order.tolist():
        if room == 0:
            batches.append([])
            longer = max(1.0, lengths[index] / FULL_BATCH_SAMPLES)
            room = max(1, int(batch_size / longer**2))
        batches[-1].append(index)
        room -= 1
    if rng is not None:
        batches = [batches[i] for i in rng.permutation(len(batches))]
    return batches


def pad(waves: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Stack clips, padding shorter ones with zeros at the end.

    Parameters
    ----------
    waves : sequence of array [T_i]

    Returns
    -------
    Tensor[B x max T_i], float32
    Tensor[B], int64
        Samples of each clip.
    """
    lengths = torch.tensor([len(wave) for wave in waves])
    stacked = torch.zeros(len(waves), int(lengths.max()))
    for row, wave in zip(stacked, waves, strict=True):
        row[: len(wave)] = torch.from_numpy(np.asarray(wave, dtype=np.float32))
    return stacked, lengths
