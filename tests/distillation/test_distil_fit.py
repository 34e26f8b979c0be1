"""A student learns to reproduce its teacher, with and without interruption."""

from itertools import pairwise

import pytest
import torch

from stridor.common.errors import StridorError
from stridor.distillation.fit import learning_rate
from stridor.distillation.recordings import Recordings
from tiny_distillation import teach, tiny_distill_params, tiny_teacher, write_sounds

pytestmark = pytest.mark.slow


@pytest.fixture
def recordings(tmp_path) -> Recordings:
    return Recordings.from_folders([write_sounds(tmp_path / "sounds")])


def test_a_student_learns_to_reproduce_its_teacher(recordings):
    reports = []
    params = tiny_distill_params(steps=150, batch_size=8, warm_up_steps=10, report_steps=25, statistics_batches=8)
    student = teach(
        params, recordings, on_report=lambda report, _: reports.append(report), teacher=tiny_teacher(tags=5)
    )
    first, last = reports[0].metrics, reports[-1].metrics
    # A student that says the mean has a pooled loss of 1.
    assert last["loss/pooled"] < 0.6
    for name in ("total", "pooled", "map", "tags"):
        assert last[f"loss/{name}"] < 0.8 * first[f"loss/{name}"], name
    assert {"gradient_norm", "learning_rate", "clips_per_second"} <= last.keys()
    assert not student.training


def test_what_is_kept_is_the_moving_average_of_the_students_weights(recordings):
    def weights_of_every_step(decay):
        seen = []
        params = tiny_distill_params(steps=4, report_steps=1, average_decay=decay)
        teach(params, recordings, f"decay {decay}", lambda _, student: seen.append(_copied(student)))
        return seen

    plain = weights_of_every_step(0.0)
    expected = plain[0]
    for number, averaged in enumerate(weights_of_every_step(0.75)):
        expected = {name: 0.75 * expected[name] + 0.25 * plain[number][name] for name in expected}
        for name, tensor in averaged.items():
            torch.testing.assert_close(tensor, expected[name], rtol=1e-4, atol=1e-6)
    assert any(not torch.allclose(averaged[name], plain[-1][name], atol=1e-4) for name in averaged)


def _copied(student):
    return {name: tensor.clone() for name, tensor in student.state_dict().items()}


@pytest.mark.parametrize("last_report", [4, 8])
def test_an_interrupted_distillation_ends_with_the_same_weights(recordings, last_report):
    params = tiny_distill_params()
    undisturbed = teach(params, recordings, "undisturbed")

    def interrupt(report, student):
        if report.step == last_report:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        teach(params, recordings, "disturbed", interrupt)
    seen = []
    resumed = teach(params, recordings, "disturbed", lambda report, student: seen.append(report.step))
    assert seen == list(range(last_report + 4, 13, 4))
    for name, tensor in undisturbed.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_the_learning_rate_warms_up_and_falls_to_zero():
    params = tiny_distill_params(steps=100, warm_up_steps=10, learning_rate=1.0)
    rates = [learning_rate(step, params) for step in range(1, 101)]
    assert rates[:10] == pytest.approx([i / 10 for i in range(1, 11)])
    assert rates[10] == 1.0
    assert all(a >= b for a, b in pairwise(rates[10:]))
    assert rates[-1] < 1e-3


def test_a_diverging_distillation_is_an_error(recordings):
    with pytest.raises(StridorError, match=r"no longer finite at step \d+; lower the learning rate"):
        teach(tiny_distill_params(learning_rate=1e30, gradient_clip=1e30, warm_up_steps=0), recordings)
