"""Batches of clips of similar length."""

from itertools import pairwise

import numpy as np
import pytest

from stridor.audio.batches import pad, similar_length_batches


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_every_clip_is_in_one_batch_and_lengths_are_similar(seed):
    lengths = np.random.default_rng(5).integers(5, 190_000, 101).tolist()
    rng = None if seed is None else np.random.default_rng(seed)
    batches = similar_length_batches(lengths, 8, rng)
    assert sorted(i for batch in batches for i in batch) == list(range(101))
    assert max(map(len, batches)) == 8
    spans = sorted((min(lengths[i] for i in b), max(lengths[i] for i in b)) for b in batches)
    assert all(high <= next_low for (_, high), (next_low, _) in pairwise(spans))


@pytest.mark.parametrize("batch_size", [4, 16, 32])
def test_of_many_clips_less_than_three_percent_is_padding(batch_size):
    lengths = np.random.default_rng(5).integers(4 * 16_000, 12 * 16_000, 1000)
    batches = similar_length_batches(lengths.tolist(), batch_size, np.random.default_rng(0))
    computed = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert 0 < 1 - lengths.sum() / computed < 0.03


def test_long_clips_come_in_smaller_batches():
    batches = similar_length_batches([60 * 16_000] * 5 + [16_000] * 5, 16)
    assert sorted(map(len, batches)) == [1, 1, 1, 1, 1, 5]


def test_equal_clips_are_shuffled_between_epochs():
    first, second = (similar_length_batches([100] * 50, 7, np.random.default_rng(s)) for s in (0, 1))
    assert {tuple(sorted(b)) for b in first} != {tuple(sorted(b)) for b in second}


def test_nothing_gives_no_batch():
    assert similar_length_batches([], 4) == []


def test_pad_puts_zeros_behind():
    stacked, lengths = pad([np.ones(2), np.ones(4)])
    assert stacked.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert lengths.tolist() == [2, 4]
