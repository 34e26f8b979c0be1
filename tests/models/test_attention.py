"""Buckets of relative positions, and attention that learns."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from kit import kit
from stridor.models.attention import GatedAttention, relative_position_buckets
from stridor.models.config import PRESETS


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


def test_attention_and_its_gradients_are_those_of_pytorch_and_of_scoring(monkeypatch):
    torch.manual_seed(0)
    attention = GatedAttention(PRESETS["mini"], None)
    tokens, bias = torch.randn(3, 21, 192, requires_grad=True), torch.randn(4, 21, 21, requires_grad=True)
    padding = torch.zeros(3, 1, 1, 21)
    padding[1, ..., 13:] = -torch.inf
    weights = torch.randn(3, 21, 192)
    learning = [tokens, bias, *attention.parameters()]
    ours = attention(tokens, bias, padding)
    gradients = torch.autograd.grad((ours * weights).sum(), learning)
    monkeypatch.setattr("stridor.models.attention._for_gradients", F.scaled_dot_product_attention)
    theirs = attention(tokens, bias, padding)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    for one, other in zip(gradients, torch.autograd.grad((theirs * weights).sum(), learning), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(attention(tokens, bias, padding), ours, atol=1e-5, rtol=1e-4)


def test_dropout_changes_what_is_learnt_from_and_nothing_else():
    attention = GatedAttention(dataclasses.replace(PRESETS["mini"], attention_dropout=0.5), None)
    tokens, bias = torch.randn(1, 9, 192), torch.randn(4, 9, 9)
    assert not torch.equal(attention(tokens, bias, None), attention(tokens, bias, None))
    attention.eval()
    torch.testing.assert_close(attention(tokens, bias, None), attention(tokens, bias, None), atol=0, rtol=0)
