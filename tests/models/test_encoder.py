"""What every family of encoders keeps to."""

import pytest
import torch

from stridor.models.checkpoint import FAMILIES, load_encoder, save_encoder
from stridor.models.encoder import Encoder
from stridor.models.log_mel import LogMelPatches
from stridor.models.mn04 import Mn04
from tiny import moved_side_blocks, tiny_encoder

MADE = {
    "BEATs": tiny_encoder, "log_mel": LogMelPatches, "mn04": lambda: Mn04().with_random_weights(0),
    "side": moved_side_blocks,
}  # fmt: skip


def test_every_family_is_here():
    assert MADE.keys() == FAMILIES.keys()


@pytest.fixture(params=FAMILIES)
def encoder(request) -> Encoder:
    return MADE[request.param]().eval()


def test_layers_can_be_checkpointed(encoder):
    encoder.set_gradient_checkpointing(True)
    assert all(block.gradient_checkpointing for block in encoder.blocks)
    encoder.set_gradient_checkpointing(False)
    assert not any(block.gradient_checkpointing for block in encoder.blocks)


@torch.no_grad()
def test_tokens_have_the_promised_shape_and_are_the_same_alone_and_padded(encoder):
    lengths = torch.tensor([5_359, 12_345])
    waves = 0.1 * torch.randn(2, 12_345, generator=torch.Generator().manual_seed(0))
    tokens = encoder(waves, lengths)
    assert len(tokens.layers) == encoder.layers + 1
    assert tokens.valid.sum(dim=1).tolist() == [8, 32]
    alone = encoder(waves[:1, :5_359])
    for layer, of_one in zip(tokens.layers, alone.layers, strict=True):
        assert layer.shape == (2, 32, encoder.width)
        torch.testing.assert_close(layer[:1, :8], of_one, atol=1e-5, rtol=0)


@torch.no_grad()
def test_layers_up_to_one_are_the_same_and_the_others_are_missing(encoder):
    waves = 0.1 * torch.randn(2, 12_345, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([5_359, 12_345])
    full = encoder(waves, lengths)
    for up_to in range(encoder.layers + 1):
        some = encoder(waves, lengths, up_to=up_to)
        assert len(some.layers) == up_to + 1
        assert all(map(torch.equal, some.layers, full.layers))
        assert torch.equal(some.valid, full.valid)


def test_a_clip_shorter_than_a_patch_is_refused(encoder):
    with pytest.raises(ValueError, match="15 frames is shorter than one patch"):
        encoder(torch.zeros(1, 2_799))


@torch.no_grad()
def test_a_file_brings_it_back(encoder, tmp_path):
    save_encoder(encoder, tmp_path / "encoder.pt")
    again, wave = load_encoder(tmp_path / "encoder.pt"), torch.randn(1, 5_000)
    assert type(again) is type(encoder)
    assert torch.equal(again(wave).last, encoder(wave).last)
    assert again.facts() == encoder.facts()


@torch.no_grad()
def test_random_weights_follow_the_seed(encoder):
    wave = torch.randn(1, 5_000)
    first, same, other = (encoder.with_random_weights(seed).eval()(wave).last for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert torch.equal(first, other) == (not list(encoder.parameters()))
