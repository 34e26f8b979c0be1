"""The two stages, undisturbed and killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stridor.common.errors import StridorError
from stridor.models.beats import Beats
from stridor.training.fit import Epoch
from tiny import tiny_encoder, tiny_params, tiny_training_set, train

pytestmark = pytest.mark.slow

SMALL = {"width": 16, "layers": 1, "heads": 2}
FILES = Path(__file__).resolve().parents[1]


def weights(tuned):
    return tuned.encoder.state_dict() | {f"decoder.{k}": v for k, v in tuned.separator.state_dict().items()}


def test_both_stages_learn_and_only_the_first_moves_the_decoder():
    params = tiny_params(compute={"accelerator": "cpu"})
    _, data = tiny_training_set(params)
    after = {}

    def keep(epoch: Epoch, encoder: Beats) -> None:
        after[epoch.number] = epoch

    one = train(tiny_params(training={"stage_two": {"epochs": 0}}), data, "one")
    both = train(params, data, "both", keep)
    assert [(epoch.number, epoch.stage) for epoch in both.epochs] == [(1, 1), (2, 1), (3, 2), (4, 2)]
    assert list(after.values()) == both.epochs
    assert one.after_stage_one is None
    # What lies between the stages is what stage one alone ends with.
    for name, tensor in both.after_stage_one.state_dict().items():
        assert torch.equal(tensor, one.encoder.state_dict()[name]), name
    for name, tensor in one.separator.state_dict().items():
        assert torch.equal(tensor, both.separator.state_dict()[name]), name
    moved = [n for n, t in one.encoder.state_dict().items() if not torch.equal(t, both.encoder.state_dict()[n])]
    assert len(moved) > 20
    losses = [epoch.metrics["loss/total"] for epoch in both.epochs]
    assert losses[-1] < losses[0]
    flat = both.epochs[-1].flat()
    assert {"gradient_norm", "learning_rate", "clips_per_second", "loss/machine"} <= flat.keys()
    assert "separation/gain_over_mixture_db_at_-5dB" in flat


def test_without_mixing_the_encoder_learns_from_clips_as_they_are():
    params = tiny_params(augment={"mix": False, "variants": 2}, training={"interferer_weight": 0})
    _, data = tiny_training_set(params, "clean")
    tuned = train(params, data)
    for epoch in tuned.epochs:
        assert epoch.metrics["loss/total"] == epoch.metrics["loss/machine"]
        # The figures on held-out mixtures stay, and say that nothing was separated.
        assert {one.snr_db for one in epoch.separation} == {-5, 0, 5, 10}
    assert tuned.epochs[-1].metrics["loss/total"] < tuned.epochs[0].metrics["loss/total"]


def test_a_stage_may_learn_more_slowly():
    params = tiny_params(training={"stage_two": {"epochs": 1, "learning_rate_factor": 0.25}})
    _, data = tiny_training_set(params)
    rates = [epoch.metrics["learning_rate"] for epoch in train(params, data).epochs]
    assert rates == [2e-3, 2e-3, 5e-4]


def test_side_blocks_learn_the_representation_of_clean_clips_and_leave_the_encoder():
    params = tiny_params(
        augment={"variants": 2, "interferers": ["noise", "white"], "unmixed": 0.2}, **REPRESENTED,
        training={"retain": 0.25, "stage_one": {"epochs": 4}, "stage_two": {"epochs": 3}},
    )  # fmt: skip
    _, data = tiny_training_set(params)
    tuned = train(params, data)
    for name, tensor in tiny_encoder().state_dict().items():
        assert torch.equal(tensor, tuned.encoder.base.state_dict()[name]), name
    losses = [epoch.metrics["loss/consistency"] for epoch in tuned.epochs]
    # The two stages have different losses.
    assert losses[3] < losses[0]
    assert losses[6] < losses[4]
    assert tuned.after_stage_one.side_width == 16


def test_no_stage_leaves_the_encoder_as_it_was():
    params = tiny_params(training={"stage_one": {"epochs": 0}, "stage_two": {"epochs": 0}})
    _, data = tiny_training_set(params)
    tuned = train(params, data)
    assert all(torch.equal(t, tiny_encoder().state_dict()[n]) for n, t in tuned.encoder.state_dict().items())
    assert tuned.epochs == []
    assert tuned.after_stage_one is None


ANCHORED = {"training": {"consistency_weight": 1.0, "consistency_teacher": "initial"}}
REPRESENTED = {"encoder": {"adapt": "side", "side_width": 16}, "decoder": SMALL | {"target": "representation"}}


@pytest.mark.parametrize(("last_epoch", "sections"), [(1, {}), (2, {}), (3, {}), (3, ANCHORED), (2, REPRESENTED)])
def test_an_interrupted_training_ends_with_the_same_weights(last_epoch, sections):
    params = tiny_params(**sections)
    _, data = tiny_training_set(params)
    undisturbed = train(params, data, "undisturbed")

    def interrupt(epoch: Epoch, encoder: Beats) -> None:
        # The state is kept after this call, so epoch n + 1 is where epoch n is the last one kept.
        if epoch.number == last_epoch + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(params, data, "disturbed", interrupt)
    seen = []
    resumed = train(params, data, "disturbed", lambda epoch, encoder: seen.append(epoch.number))
    assert seen == list(range(last_epoch + 1, 5))
    for name, tensor in weights(undisturbed).items():
        assert torch.equal(tensor, weights(resumed)[name]), name
    for name, tensor in undisturbed.after_stage_one.state_dict().items():
        assert torch.equal(tensor, resumed.after_stage_one.state_dict()[name]), name
    assert [epoch.number for epoch in resumed.epochs] == [1, 2, 3, 4]


SCRIPT = """
import sys

sys.path.insert(0, {tests!r})
from tiny import tiny_params, tiny_training_set, train

if __name__ == "__main__":
    params = tiny_params(compute={compute}, training={training})
    _, data = tiny_training_set(params)
    train(params, data, "resume", lambda epoch, encoder: print("epoch", epoch.number, flush=True))
"""


def script(training: dict | None = None, **compute) -> str:
    return SCRIPT.format(tests=str(FILES), compute=compute, training=training or {})


def test_a_training_killed_with_sigkill_resumes(forked_python):
    command = [forked_python.executable, "-c", script()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.strip() == "epoch 3":
                os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    params = tiny_params()
    _, data = tiny_training_set(params)
    seen = []
    resumed = train(params, data, "resume", lambda epoch, encoder: seen.append(epoch.number))
    # Epochs 1 and 2 were whole; whether 3 was is a matter of microseconds.
    assert seen in ([3, 4], [4])
    undisturbed = train(params, data, "undisturbed")
    for name, tensor in weights(undisturbed).items():
        torch.testing.assert_close(tensor, weights(resumed)[name], atol=1e-6, rtol=0)


@pytest.mark.parametrize("sections", [{}, ANCHORED, REPRESENTED], ids=["full", "teacher", "side blocks"])
def test_checkpointed_layers_end_with_the_same_weights(sections):
    params = tiny_params(**sections)
    _, data = tiny_training_set(params)
    kept = train(params, data, "kept")
    recomputed = train(params.replaced({"compute.gradient_checkpointing": True}), data, "recomputed")
    for name, tensor in weights(kept).items():
        torch.testing.assert_close(weights(recomputed)[name], tensor, atol=1e-6, rtol=0, msg=name)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_two_processes_end_with_the_weights_of_one(checkpointing):
    # In double precision: Adam makes much of the last digit of a gradient near zero (2.7e-5 of a weight in single).
    double = {"precision": "64-true"}
    own = script(double, accelerator="cpu", devices=2, strategy="ddp", gradient_checkpointing=checkpointing)
    Path("script.py").write_text(own)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    params = tiny_params(compute={"accelerator": "cpu"}, training=double)
    _, data = tiny_training_set(params)
    # In threes: no step is shared in halves, and the last one has a single clip for both processes.
    assert len(data.examples) == 10
    alone = train(params, data, "alone")
    together = train(params, data, "resume", no_epoch_left)
    for name, tensor in weights(alone).items():
        # Those that were read back are in single precision.
        torch.testing.assert_close(weights(together)[name].float(), tensor.float(), atol=2e-7, rtol=0, msg=name)
    for one, two in zip(alone.epochs, together.epochs, strict=True):
        for name in one.metrics.keys() - {"clips_per_second"}:
            assert two.metrics[name] == pytest.approx(one.metrics[name], rel=1e-6), name


def no_epoch_left(epoch: Epoch, encoder: Beats) -> None:
    pytest.fail(f"epoch {epoch.number} was not trained by the two processes")


def test_a_diverging_training_is_an_error():
    params = tiny_params()
    # Beyond what params.yaml takes, so that it diverges at once.
    beyond = params.training.model_copy(update={"learning_rate": 1e30, "gradient_clip": 1e30})
    params = params.model_copy(update={"training": beyond})
    _, data = tiny_training_set(params)
    with pytest.raises(StridorError, match=r"no longer finite.*training\.learning_rate"):
        train(params, data)
