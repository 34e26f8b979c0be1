"""What is kept between passes follows the weights."""

import copy

import pytest
import torch

from stridor.models.positional import fast_length
from stridor.models.remembered import Remembered
from tiny import tiny_encoder

WAVE = 0.1 * torch.randn(2, 8_000, generator=torch.Generator().manual_seed(0))


def made(remembered, weight, others=0):
    """Return the value, and whether it was made."""
    calls = []
    value = remembered((weight,), others, lambda: calls.append(1) or weight * 2)
    return value, bool(calls)


@torch.no_grad()
def test_a_value_is_made_again_when_what_it_depends_on_has_changed():
    remembered, weight = Remembered(), torch.nn.Parameter(torch.ones(2))
    assert made(remembered, weight)[1]
    assert not made(remembered, weight)[1]
    assert made(remembered, weight, others=1)[1]
    weight += 1
    value, again = made(remembered, weight, others=1)
    assert again
    assert value.tolist() == [4, 4]
    weight.data = torch.zeros(2)
    assert made(remembered, weight, others=1)[0].tolist() == [0, 0]


def test_with_gradients_it_is_made_every_time():
    remembered, weight = Remembered(), torch.nn.Parameter(torch.ones(2))
    for _ in range(2):
        value, again = made(remembered, weight)
        assert again
        assert value.requires_grad


def test_a_copy_keeps_nothing():
    model = tiny_encoder()
    with torch.inference_mode():
        model(WAVE)
    assert copy.deepcopy(model).encoder._bias._kept is None


@pytest.mark.parametrize("change", ["step", "load"])
def test_an_encoder_that_has_learnt_scores_with_its_new_weights(change):
    model, other = tiny_encoder(0), tiny_encoder(1)
    with torch.inference_mode():
        before = model(WAVE).last
    if change == "load":
        model.load_state_dict(other.state_dict())
    else:
        optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)
        (model(WAVE).last * torch.arange(32)).mean().backward()
        optimiser.step()
    fresh = tiny_encoder(2)
    fresh.load_state_dict(model.state_dict())
    with torch.inference_mode():
        after = model(WAVE).last
        assert torch.equal(after, fresh(WAVE).last)
        assert not torch.allclose(after, before, atol=1e-3)


def test_tokens_are_the_same_with_and_without_gradients():
    model, lengths = tiny_encoder(), torch.tensor([5_000, 8_000])
    learning = model(WAVE, lengths)
    with torch.inference_mode():
        for _ in range(2):
            scoring = model(WAVE, lengths)
            for ours, theirs in zip(scoring.layers, learning.layers, strict=True):
                torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_lengths_of_transforms_are_those_of_scipy():
    from scipy.fft import next_fast_len

    assert [fast_length(n) for n in range(1, 2000)] == [next_fast_len(n, real=True) for n in range(1, 2000)]
