"""Gradients with and without checkpointing are the same, dropout included, and less is kept for the backward pass."""

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from stridor.models.beats import random_beats
from stridor.models.config import BeatsConfig
from stridor.models.encoder import Encoder
from tiny import CONFIG, moved_side_blocks, tiny_encoder

DROPPING = BeatsConfig(
    **CONFIG.to_cfg() | {"dropout": 0.1, "attention_dropout": 0.2, "activation_dropout": 0.3, "dropout_input": 0.1}
)
MADE = {"dropout": lambda: random_beats(DROPPING, 0), "no dropout": tiny_encoder, "side blocks": moved_side_blocks}
LENGTHS = torch.tensor([5_359, 12_345])


def loss(encoder: Encoder, checkpointing: bool, seed: int = 0) -> torch.Tensor:
    encoder.train().set_gradient_checkpointing(checkpointing)
    wave = 0.1 * torch.randn(2, 12_345, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(seed)
    return sum(layer.square().mean() for layer in encoder(wave, LENGTHS).layers)


def gradients(encoder: Encoder, checkpointing: bool, seed: int = 0) -> dict[str, torch.Tensor]:
    encoder.zero_grad()
    loss(encoder, checkpointing, seed).backward()
    return {name: one.grad.clone() for name, one in encoder.named_parameters() if one.grad is not None}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_gradients_are_the_same(made):
    encoder = made()
    kept, recomputed = (gradients(encoder, checkpointing) for checkpointing in (False, True))
    assert len(kept) > 20
    assert kept.keys() == recomputed.keys()
    for name, gradient in kept.items():
        torch.testing.assert_close(recomputed[name], gradient, atol=1e-6, rtol=1e-6, msg=name)


def test_dropout_draws_something():
    encoder = MADE["dropout"]()
    one, other = (gradients(encoder, True, seed) for seed in (0, 1))
    for name in ("encoder.layers.0.fc2.weight", "encoder.layers.1.self_attn.v_proj.weight"):
        assert not torch.allclose(one[name], other[name])


@pytest.mark.parametrize("made", [MADE["dropout"], MADE["side blocks"]])
def test_the_insides_of_layers_are_not_kept(made):
    kept = {}
    for checkpointing in (False, True):
        seen = {}

        def count(tensor, seen=seen):
            seen[tensor.data_ptr()] = tensor.nbytes
            return tensor

        encoder = made()
        with saved_tensors_hooks(count, lambda tensor: tensor):
            value = loss(encoder, checkpointing)
        kept[checkpointing] = sum(seen.values())
        value.backward()
    assert kept[True] < 0.5 * kept[False]


@pytest.mark.parametrize("mode", ["scoring", "without gradients"])
def test_only_training_computes_twice(mode):
    encoder, calls = tiny_encoder(), []
    encoder.encoder.layers[0].fc1.register_forward_hook(lambda *_: calls.append(1))
    loss(encoder, checkpointing=True).backward()
    assert len(calls) == 2
    calls.clear()
    if mode == "scoring":
        encoder.eval()(torch.zeros(1, 4_000)).last.sum().backward()
    else:
        with torch.no_grad():
            encoder(torch.zeros(1, 4_000))
    assert len(calls) == 1
