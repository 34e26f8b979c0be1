"""The loss of a clip."""

import pytest
import torch

from stridor.models.separator import Separator
from stridor.params.sections import DecoderParams, TrainingParams
from stridor.training.task import SeparationTask
from tiny import noise_batch as batch
from tiny import tiny_encoder


def task(output: str = "direct", **training) -> SeparationTask:
    torch.manual_seed(0)
    separator = Separator(32, DecoderParams(output=output, width=16, layers=1, heads=2))
    torch.nn.init.normal_(separator.cells.weight, std=0.1)
    return SeparationTask(tiny_encoder(), separator, TrainingParams(**training)).eval()


@pytest.mark.parametrize("output", ["direct", "mask"])
@pytest.mark.parametrize("loss", ["l1", "mse"])
def test_a_clip_has_the_same_loss_alone_and_in_any_batch(output, loss):
    lengths = [2_800, 5_359, 7_777, 12_345]
    one = task(output, loss=loss, consistency_weight=1.0)
    with torch.no_grad():
        together = one(batch(lengths))
        for i, length in enumerate(lengths):
            for ours, alone in zip(together, one(batch([length])), strict=True):
                torch.testing.assert_close(ours[i], alone[0], atol=1e-5, rtol=0)


def test_left_over_and_padded_frames_never_count():
    one = task()
    full = batch([5_400])
    # 5400 samples are 32 frames and a bit; changing what follows the last whole patch changes nothing.
    changed = full._replace(target=full.target.clone())
    changed.target[:, 400 + 31 * 160 :] += 1.0
    assert torch.equal(one(full).total, one(changed).total)
    changed.target[:, 3_000] += 1.0
    assert not torch.equal(one(full).total, one(changed).total)


@pytest.mark.parametrize(("loss", "power"), [("l1", 1), ("mse", 2)])
def test_equals_the_direct_computation(loss, power):
    one = task(loss=loss, interferer_weight=0.25)
    waves = batch([6_000])
    with torch.no_grad():
        losses = one(waves)
        images = [one.encoder.log_mel(wave)[:, :32] for wave in waves[:3]]
        estimates = one.separator(one.encoder.encode(images[0], torch.tensor([36])), images[0])
    for i, name in enumerate(("machine", "interferer")):
        expected = (estimates[:, i] - images[i + 1]).abs().pow(power).mean()
        torch.testing.assert_close(getattr(losses, name)[0], expected)
    torch.testing.assert_close(losses.total, losses.machine + 0.25 * losses.interferer)


def test_consistency_pulls_the_mixture_and_not_the_target():
    one = task(consistency_weight=1.0)
    clean = batch([4_000])
    same = clean._replace(mixture=clean.target)
    assert float(one(same).consistency.detach()) == pytest.approx(0.0, abs=1e-9)
    assert float(one(clean).consistency.detach()) > 0
    assert one(clean).consistency.requires_grad
    assert float(task(consistency_weight=0.0)(clean).consistency.detach()) == 0


def test_the_initial_encoder_as_teacher_stays_as_it_was():
    one = task(consistency_weight=1.0, consistency_teacher="initial")
    clean = batch([4_000])
    same = clean._replace(mixture=clean.target)
    assert float(one(same).consistency.detach()) == pytest.approx(0.0, abs=1e-9)
    with torch.no_grad():
        for parameter in one.encoder.parameters():
            parameter.mul_(1.5)
        embedding, initial = (
            encoder.encode(one.encoder.log_mel(clean.target), torch.tensor([23])).last.mean(dim=1)
            for encoder in (one.encoder, tiny_encoder())
        )
    expected = (embedding - initial).square().mean()
    assert float(expected) > 0
    torch.testing.assert_close(one(same).consistency[0], expected)
    # An encoder that drifts has nothing to gain by taking its teacher along.
    one(clean).total.sum().backward()
    assert all(parameter.grad is None for parameter in one.teacher.parameters())
    assert any(parameter.grad is not None for parameter in one.encoder.parameters())
    assert not one.train().teacher.training
    assert one.encoder.training
    assert task(consistency_teacher="initial").teacher is None
