"""Buckets of relative positions."""

import numpy as np
import pytest
import torch

from kit import kit
from stridor.models.attention import relative_position_buckets


@pytest.mark.parametrize(("name", "buckets", "distance"), [("b320_d800_n496", 320, 800), ("b32_d64_n96", 32, 64)])
def test_equal_the_reference_tables(name, buckets, distance):
    table = np.load(kit("beats_reference") / "relpos_buckets.npz")[name]
    index = torch.arange(len(table))
    ours = relative_position_buckets(index[None, :] - index[:, None], buckets, distance)
    np.testing.assert_array_equal(ours.numpy(), table)


@pytest.mark.parametrize(("name", "sign"), [("b320_d800_row0_n2000", 1), ("b320_d800_col0_n2000", -1)])
def test_long_distances_equal_the_reference(name, sign):
    table = np.load(kit("beats_reference") / "relpos_buckets.npz")[name]
    np.testing.assert_array_equal(relative_position_buckets(sign * torch.arange(2000), 320, 800).numpy(), table)


def test_sign_and_growth():
    buckets = relative_position_buckets(torch.arange(-1000, 1001), 32, 64)
    assert buckets[1000] == 0
    assert (buckets[1001:] > 16).all()
    assert (buckets[:1000] < 16).all()
    assert (buckets[1001:].diff() >= 0).all()
    assert buckets.max() == 31
