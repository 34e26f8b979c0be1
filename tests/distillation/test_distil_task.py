"""Losses against their definitions, with grids that differ."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stridor.distillation.task import DistillationTask, relational_distance
from stridor.distillation.teacher import BeatsTeacher, Targets
from stridor.models.beats import random_beats
from tiny_distillation import STUDENT, tiny_distill_params, tiny_teacher


@pytest.fixture
def wave():
    return 0.1 * torch.randn(3, 16000, generator=torch.Generator().manual_seed(0))


def task_for(answer, layers=1, **values):
    torch.manual_seed(0)
    return DistillationTask(
        random_beats(replace(STUDENT, encoder_layers=layers), 0).eval(), answer, tiny_distill_params(**values)
    )


def test_beats_as_a_teacher(wave):
    plain = BeatsTeacher(tiny_teacher())(wave)
    assert plain.pooled.shape == (3, 32)
    assert plain.map.shape == (3, 6, 8, 32)
    assert plain.tags is None
    torch.testing.assert_close(plain.map.mean(dim=(1, 2)), plain.pooled)
    tags = BeatsTeacher(tiny_teacher(tags=5))(wave).tags
    assert tags.shape == (3, 5)
    assert tags.min() > 0
    assert tags.max() < 1


@pytest.mark.parametrize("grid", [(6, 8), (3, 4), (10, 12), (5, 3)])
def test_any_grid_of_the_teacher_is_met(wave, grid):
    answer = Targets(torch.randn(3, 7), torch.randn(3, *grid, 9), None)
    losses = task_for(answer)(wave, answer)
    assert 0 < losses.map < 2
    assert losses.tags == 0
    losses.total.backward()


def test_losses_equal_their_definitions(wave):
    answer = Targets(torch.randn(3, 7), torch.randn(3, 6, 8, 9), torch.tensor([[0.1, 0.9], [0.5, 1.0], [0.0, 0.2]]))
    task = task_for(answer, 2, pooled_weight=2.0, map_weight=3.0, tags_weight=4.0, relation_weight=5.0)
    with torch.no_grad():
        losses = task(wave, answer)
        layers = task.student(wave).layers[1:]
    assert len(layers) == len(task.heads) == 2
    heads = list(zip(task.heads, layers, strict=True))
    pooled = [F.mse_loss(head.pooled(layer.mean(dim=1)), answer.pooled).item() for head, layer in heads]
    assert losses.pooled == pytest.approx(np.mean(pooled), rel=1e-5)
    cosines = [
        F.cosine_similarity(head.map(layer), answer.map.flatten(1, 2), dim=-1).mean().item() for head, layer in heads
    ]
    assert losses.map == pytest.approx(1 - np.mean(cosines), rel=1e-4)
    by_mean = [relational_distance(layer.mean(dim=1), answer.pooled).item() for layer in layers]
    # Tokens are in order of time, six times with eight bands each.
    bands = [layer.reshape(3, 6, -1).mean(dim=1) for layer in layers]
    by_bands = [relational_distance(part, answer.map.reshape(3, 6, -1).mean(dim=1)).item() for part in bands]
    assert losses.relation == pytest.approx(np.mean(by_mean + by_bands), rel=1e-5)
    clip = layers[-1].mean(dim=1)
    said, truth = task.tags_head(clip).sigmoid().double(), answer.tags.double()
    divergence = torch.xlogy(truth, truth / said) + torch.xlogy(1 - truth, (1 - truth) / (1 - said))
    assert losses.tags == pytest.approx(divergence.mean().item(), rel=1e-3)
    total = 2 * losses.pooled + 3 * losses.map + 4 * losses.tags + 5 * losses.relation
    assert losses.total == pytest.approx(total.item(), rel=1e-5)


def test_relations_are_the_same_after_turning_moving_and_scaling():
    teacher = torch.randn(5, 4, dtype=torch.float64)
    turn, _ = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))
    torch.testing.assert_close(relational_distance(3 * teacher @ turn + 7, teacher), torch.tensor(0.0).double())


def test_relations_are_compared_pair_by_pair():
    # Distances 3, 4, 5 and 1, 1, 2, over their means 4 and 4/3.
    student = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    teacher = torch.tensor([[0.0], [1.0], [-1.0]])
    differences = torch.tensor([3 / 4 - 3 / 4, 4 / 4 - 3 / 4, 5 / 4 - 6 / 4])
    assert relational_distance(student, teacher) == pytest.approx((differences**2 / 2).mean().item())


def test_relations_of_equal_clips_teach_nothing():
    student = torch.zeros(3, 2, requires_grad=True)
    relational_distance(student, torch.zeros(3, 2)).backward()
    assert not student.grad.any()


def test_the_teacher_is_standardised_and_its_dead_features_stay_quiet(wave):
    answers = [
        Targets(5 + 3 * torch.randn(50, 7), torch.randn(50, 2, 2, 9), torch.full((50, 2), 0.2)) for _ in range(4)
    ]
    for answer in answers:
        answer.pooled[:, 3] = 1.0
    task = task_for(answers[0])
    task.standardise(answers)
    pooled = torch.cat([answer.pooled for answer in answers])
    standard = (pooled - task.pooled_mean) / task.pooled_deviation
    torch.testing.assert_close(standard.std(dim=0)[:3], torch.ones(3), atol=1e-3, rtol=0)
    assert standard[:, 3].abs().max() < 1e-4
    torch.testing.assert_close(task.tags_head.bias.sigmoid(), torch.full((2,), 0.2))
