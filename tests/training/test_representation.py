"""The loss between representations, against a direct computation."""

import pytest
import torch

from stridor.models.encoder import BANDS
from stridor.models.separator import Separator
from stridor.params.sections import DecoderParams, TrainingParams
from stridor.training.representation import RepresentationLoss
from stridor.training.task import LOG_MEL_SHARE, SeparationTask
from tiny import moved_side_blocks, noise_batch, tiny_encoder

FRAMES = torch.tensor([48, 70, 96])
WHOLE = FRAMES // 16


def images(seed: int, clips: int = 3) -> torch.Tensor:
    return 0.3 * torch.randn(clips, 96, 128, generator=torch.Generator().manual_seed(seed))


def grids(layers: tuple[torch.Tensor, ...], clip: int) -> list[torch.Tensor]:
    """Return a clip's own tokens of every layer but the input, `[time x 8 x width]` each."""
    return [layer[clip].unflatten(0, (-1, BANDS))[: int(WHOLE[clip])] for layer in layers[1:]]


@pytest.fixture
def loss() -> RepresentationLoss:
    made = RepresentationLoss(tiny_encoder(), retain=0.0)
    made.token_variance.copy_(torch.tensor([2.0, 3.0]))
    made.clip_variance.copy_(torch.tensor([0.5, 0.7]))
    return made


@torch.no_grad()
def test_stage_one_compares_the_tokens_of_every_layer(loss):
    mixed = moved_side_blocks().encode(images(0), FRAMES)
    found = loss(mixed, images(1), images(2), FRAMES, refine=False)
    clean = tiny_encoder().encode(images(1), FRAMES)
    for clip in range(3):
        parts = [
            (ours - theirs).square().mean() / variance
            for ours, theirs, variance in zip(
                grids(mixed.layers, clip), grids(clean.layers, clip), (2.0, 3.0), strict=True
            )
        ]
        torch.testing.assert_close(found[clip], sum(parts) / 2)


@torch.no_grad()
def test_stage_two_compares_band_means_and_the_distances_between_clips(loss):
    mixed = moved_side_blocks().encode(images(0), FRAMES)
    found = loss(mixed, images(1), images(2), FRAMES, refine=True)
    clean = tiny_encoder().encode(images(1), FRAMES)
    expected = torch.zeros(3)
    for layer, variance in enumerate((0.5, 0.7)):
        ours, theirs = (
            torch.stack([grids(one.layers, clip)[layer].mean(dim=0).flatten() for clip in range(3)]) / variance**0.5
            for one in (mixed, clean)
        )
        for clip in range(3):
            errors = [
                abs((ours[clip] - ours[i]).square().mean().sqrt() - (theirs[clip] - theirs[i]).square().mean().sqrt())
                for i in range(3)
                if i != clip
            ]
            expected[clip] += ((ours[clip] - theirs[clip]).square().mean() + sum(errors) / 2) / 2
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("refine", [False, True])
def test_there_is_nothing_to_gain_where_the_mixture_is_the_clean_clip(loss, refine):
    tokens = tiny_encoder().encode(images(1), FRAMES)
    assert float(loss(tokens, images(1), images(2), FRAMES, refine).detach().abs().max()) < 1e-6


def test_two_mixtures_of_one_clip_have_finite_gradients(loss):
    encoder = tiny_encoder()
    twice = images(1)[[0, 0, 1]]
    frames = torch.tensor([96, 96, 96])
    loss(encoder.encode(twice, frames), twice + 0.1, twice, frames, refine=True).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in encoder.encoder.parameters())


@torch.no_grad()
def test_retaining_mixes_the_representations_of_what_is_mixed(loss):
    loss.retain = 0.25
    silence = torch.full((1, 96, 128), -2.0)
    interferer = torch.cat([images(2, 2), silence])
    targets = loss._targets(images(1), interferer, FRAMES)
    clean, noise = (tiny_encoder().encode(one, FRAMES).layers[1:] for one in (images(1), interferer))
    for target, own, other in zip(targets, clean, noise, strict=True):
        torch.testing.assert_close(target[:2], 0.75 * own[:2] + 0.25 * other[:2])
        torch.testing.assert_close(target[2], own[2])


@torch.no_grad()
def test_scales_are_the_variances_about_each_bands_mean(loss):
    loss.set_scales(loss.moments(images(1), FRAMES) + loss.moments(images(2), FRAMES))
    encoded = [tiny_encoder().encode(images(seed), FRAMES).layers for seed in (1, 2)]
    for layer in range(2):
        all_grids = [grids(layers, clip)[layer] for layers in encoded for clip in range(3)]
        tokens, means = torch.cat(all_grids), torch.stack([grid.mean(dim=0) for grid in all_grids])
        for found, values in ((loss.token_variance, tokens), (loss.clip_variance, means)):
            torch.testing.assert_close(found[layer], values.var(dim=0, correction=0).mean(), rtol=1e-4, atol=0)


def task(stage: int) -> SeparationTask:
    torch.manual_seed(0)
    separator = Separator(32, DecoderParams(width=16, layers=1, heads=2))
    torch.nn.init.normal_(separator.cells.weight, std=0.1)
    made = SeparationTask(moved_side_blocks(), separator, TrainingParams(), "representation").eval()
    made.stage = stage
    return made


@torch.no_grad()
def test_a_clip_has_the_same_loss_alone_and_in_any_batch_and_a_tenth_is_of_the_log_mel_image():
    lengths = [2_800, 5_359, 12_345]
    one = task(stage=1)
    assert (one.views, task(stage=2).views) == (1, 2)
    together = one(noise_batch(lengths))
    assert float(together.consistency.min()) > 0
    expected = together.consistency + LOG_MEL_SHARE * (together.machine + 0.5 * together.interferer)
    torch.testing.assert_close(together.total, expected)
    for i, length in enumerate(lengths):
        for ours, alone in zip(together, one(noise_batch([length])), strict=True):
            torch.testing.assert_close(ours[i], alone[0], atol=1e-5, rtol=0)


def test_the_initial_encoder_does_not_learn():
    one = task(stage=2).train()
    assert not one.representation.initial.training
    one(noise_batch([4_000, 5_000])).total.sum().backward()
    assert all(parameter.grad is None for parameter in one.representation.parameters())
    assert any(parameter.grad is not None for parameter in one.encoder.parameters())
