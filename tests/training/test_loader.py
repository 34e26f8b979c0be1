"""Batches that depend on seed and epoch alone."""

import pytest
import torch

from stridor.training.loader import EpochBatches, EpochLoader, collate
from stridor.training.triples import Triple
from tiny import tiny_params, tiny_training_set


def test_an_epoch_is_repeatable_and_another_epoch_is_not():
    params = tiny_params()
    _, data = tiny_training_set(params)
    loader = EpochLoader(data, params)
    first, second, again = ([batch.mixture for batch in loader.of_epoch(n)] for n in (1, 2, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_batch_may_hold_two_mixtures_of_each_clip():
    params = tiny_params()
    _, data = tiny_training_set(params)
    loader = EpochLoader(data, params)
    once = list(loader.of_epoch(1))
    for alone, batch in zip(once, loader.of_epoch(1, views=2), strict=True):
        first, second = (slice(0, len(alone.lengths)), slice(len(alone.lengths), None))
        assert torch.equal(batch.mixture[first], alone.mixture)
        assert torch.equal(batch.target[second], alone.target)
        assert not torch.equal(batch.mixture[second], alone.mixture)


def test_the_processes_share_each_batch_of_one_process():
    params = tiny_params(training={"batch_size": 4})
    lengths = list(range(3_000, 3_000 + 23))
    alone = EpochBatches(lengths, params)
    shares = [list(EpochBatches(lengths, params, rank, 3)) for rank in range(3)]
    for batch, *parts in zip(alone, *shares, strict=True):
        assert sorted(index for part in parts for index in part) == sorted(batch)
    assert all(part for share in shares for part in share)


def test_a_batch_of_fewer_clips_than_processes_goes_to_each_of_them_and_counts_once():
    params = tiny_params(training={"batch_size": 4})
    lengths = list(range(3_000, 3_000 + 9))
    samplers = [EpochBatches(lengths, params, rank, 3) for rank in range(3)]
    whole = [batch for batch in samplers[0].of_all_processes() if len(batch) == 1]
    assert len(whole) == 1
    for sampler in samplers:
        assert whole[0] in list(sampler)
    counted = [0.0, 0.0, 0.0]
    for batches in zip(*(zip(sampler, sampler.shares(), strict=True) for sampler in samplers), strict=True):
        assert sum(share.of_batch for _, share in batches) == pytest.approx(1)
        for rank, (own, share) in enumerate(batches):
            counted[rank] += share.weight * len(own)
    assert sum(counted) == pytest.approx(len(lengths))


def test_one_process_has_each_batch_to_itself():
    params = tiny_params(training={"batch_size": 4})
    sampler = EpochBatches(list(range(3_000, 3_009)), params)
    assert set(sampler.shares()) == {(1.0, 1.0)}


def test_worker_processes_give_the_same_batches():
    params = tiny_params()
    _, data = tiny_training_set(params)
    alone = list(EpochLoader(data, params).of_epoch(3))
    helped = list(EpochLoader(data, params.model_copy(
        update={"compute": params.compute.model_copy(update={"loader_workers": 2})}
    )).of_epoch(3))  # fmt: skip
    assert all(torch.equal(a.mixture, b.mixture) for a, b in zip(alone, helped, strict=True))


def test_collate_pads_behind_the_clips():
    import numpy as np

    waves = [np.ones(n, dtype=np.float32) for n in (5, 3)]
    batch = collate([Triple(wave, wave, wave) for wave in waves])
    assert batch.lengths.tolist() == [5, 3]
    assert batch.target.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
