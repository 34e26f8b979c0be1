"""Side blocks change nothing at the start, and then all that learns."""

import pytest
import torch

from stridor.common.errors import StridorError
from stridor.models.checkpoint import load_encoder, save_encoder
from stridor.models.log_mel import LogMelPatches
from stridor.models.side import SideTuned, adapted, side_tuned
from stridor.params.sections import EncoderParams
from tiny import moved_side_blocks, tiny_encoder

SIDE = EncoderParams(adapt="side", side_width=16)
LENGTHS = torch.tensor([5_359, 12_345])


def waves() -> torch.Tensor:
    return 0.1 * torch.randn(2, 12_345, generator=torch.Generator().manual_seed(0))


def learning(encoder) -> set[str]:
    return {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}


@torch.no_grad()
def test_new_blocks_leave_every_layer_as_it_is():
    side, frozen = adapted(tiny_encoder(), SIDE, seed=3), tiny_encoder()
    assert isinstance(side, SideTuned)
    ours, theirs = (encoder(waves(), LENGTHS) for encoder in (side, frozen))
    # The same products may be added in another order where an array lies otherwise in memory.
    for one, other in zip(ours.layers, theirs.layers, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    assert torch.equal(ours.valid, theirs.valid)


@torch.no_grad()
def test_blocks_that_have_learnt_change_every_layer_but_the_input():
    ours, theirs = (encoder(waves(), LENGTHS).layers for encoder in (moved_side_blocks(), tiny_encoder()))
    torch.testing.assert_close(ours[0], theirs[0], atol=1e-5, rtol=0)
    for one, other in zip(ours[1:], theirs[1:], strict=True):
        assert float((one - other)[1].abs().mean()) > 1e-2


def test_gradients_reach_the_side_blocks_and_nothing_else():
    side = moved_side_blocks().train()
    assert not side.base.training
    assert learning(side) == {name for name, _ in side.named_parameters() if not name.startswith("base.")}
    sum(layer.square().mean() for layer in side(waves(), LENGTHS).layers).backward()
    assert all((parameter.grad is not None) == parameter.requires_grad for parameter in side.parameters())


def test_the_same_seed_gives_the_same_blocks_and_leaves_the_global_state():
    state = torch.get_rng_state()
    first, same, other = (side_tuned(tiny_encoder(), 16, seed).side.state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_last_layers_learn_without_what_they_share_with_others():
    encoder = adapted(tiny_encoder(), EncoderParams(adapt="last_layers", adapt_layers=1), seed=0)
    assert learning(encoder) == {
        name
        for name, _ in encoder.named_parameters(remove_duplicate=False)
        if name.startswith("encoder.layers.1.") and "relative_attention_bias" not in name
    }
    both = adapted(tiny_encoder(), EncoderParams(adapt="last_layers", adapt_layers=2), seed=0)
    assert any("relative_attention_bias" in name for name in learning(both))
    assert not any(name.startswith("patch_embedding") for name in learning(both))
    full = adapted(tiny_encoder(), EncoderParams(), seed=0)
    assert learning(full) == {name for name, _ in full.named_parameters()}


def test_what_cannot_be_adapted():
    spectrum = LogMelPatches()
    assert adapted(spectrum, SIDE, 0) is spectrum
    with pytest.raises(StridorError, match=r"adapt_layers is 3, but the encoder has 2 layers"):
        adapted(tiny_encoder(), EncoderParams(adapt="last_layers", adapt_layers=3), 0)
    with pytest.raises(StridorError, match=r"side blocks already; set encoder\.adapt to full"):
        adapted(moved_side_blocks(), SIDE, 0)
    further = adapted(moved_side_blocks(), EncoderParams(), 0)
    assert not any(name.startswith("base.") for name in learning(further))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"side_width": 18}, "side_width 18; expected a multiple of 4"),
        ({"side_width": "wide"}, "side_width wide"),
        ({"base": {"family": "side"}}, "beside an encoder of the family 'side'"),
        ({"base": None}, "beside an encoder of the family 'none'"),
    ],
)
def test_an_impossible_file_is_refused_by_name(tmp_path, changes, sentence):
    path = tmp_path / "encoder.pt"
    save_encoder(moved_side_blocks(), path)
    written = torch.load(path, weights_only=True)
    torch.save(written | {"cfg": written["cfg"] | changes}, path)
    with pytest.raises(StridorError, match=sentence):
        load_encoder(path)
