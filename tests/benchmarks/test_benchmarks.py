"""The benchmarks work at tiny sizes, and their yardstick gives the same numbers as the encoder."""

import pytest
import torch
from benchmarks.harness import Bench
from benchmarks.straightforward import Straightforward

from benchmarks import __main__ as command
from benchmarks import (
    compiling,
    encoder,
    enrolment,
    gpu,
    growth,
    harness,
    inputs,
    memory,
    precision,
    recordings,
    scoring,
    training,
)
from stridor.models.beats import random_beats
from stridor.models.config import PRESETS
from tiny import CONFIG


@pytest.fixture
def bench(monkeypatch):
    """The harness at tiny sizes; `mini` is the tests' own small encoder."""
    monkeypatch.setitem(PRESETS, "mini", CONFIG)
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)  # it takes most of a minute
    return Bench(tiny=True)


@pytest.mark.parametrize(
    "module",
    [
        encoder,
        precision,
        compiling,
        training,
        pytest.param(memory, marks=pytest.mark.slow),
        inputs,
        scoring,
        recordings,
    ],
    ids=lambda module: module.__name__,
)
def test_a_benchmark_runs(bench, module):
    module.run(bench)
    assert bench.rows
    for row in bench.rows:
        assert row.name in bench.table()
        assert all((row.case, row.value, row.ratio, row.spread))


@pytest.mark.slow
def test_enrolment_is_measured(bench, forked_python, monkeypatch):
    forked_python.replace(monkeypatch)
    enrolment.run(bench)
    [row] = bench.rows
    assert row.case == "mini, 6 clips of 1 s"
    assert "of 30 s by the clock" in row.ratio


def test_the_command_prints_and_keeps_a_table_with_its_command(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "RESULTS", tmp_path / "RESULTS.md")
    for repeats in ("2", "3"):
        command.main(["--tiny", "--only", "scoring", "--repeats", repeats, "--save"])
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert text.index("--only scoring --repeats 3`") < text.index("--only scoring --repeats 2`")
    assert text.count("GFLOP/s") == 2
    assert "score one clip" in capsys.readouterr().out


def test_the_yardstick_is_the_encoder_in_every_layer():
    model = random_beats(CONFIG, 3).eval()
    with torch.inference_mode():
        encoder.check_equal(model, Straightforward(model), 0.1 * torch.randn(2, 9_000))


def test_a_yardstick_that_differs_ends_the_benchmark():
    model = random_beats(CONFIG, 3).eval()
    yardstick = Straightforward(random_beats(CONFIG, 4).eval())
    with torch.inference_mode(), pytest.raises(SystemExit, match="layer 0 differs"):
        encoder.check_equal(model, yardstick, 0.1 * torch.randn(1, 9_000))


def test_useful_arithmetic_is_what_pytorch_counts(monkeypatch):
    from torch.utils.flop_counter import FlopCounterMode

    model = random_beats(CONFIG, 0).eval()
    yardstick = Straightforward(model)
    log_mel = yardstick.log_mel(0.1 * torch.randn(1, 16_000))
    monkeypatch.setattr(yardstick, "log_mel", lambda wave: log_mel)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        yardstick(torch.empty(0))
    counted = counter.get_total_flops()
    # Beside the formulas, the yardstick computes gates, and one output of the convolution too many.
    assert 0.9 * counted < encoder.useful_flop(model.config, 16_000) < counted


def test_the_frozen_decoder_has_no_gradients_and_saves_arithmetic(bench):
    batch = training.batch_of_noise(1, 0.5)
    frozen, learning = (training.step_of("mini", frozen) for frozen in (True, False))
    task = frozen(batch)
    assert all(parameter.grad is None for parameter in task.separator.parameters())
    assert any(parameter.grad is not None for parameter in task.encoder.parameters())
    assert training.operations(lambda: frozen(batch)) < training.operations(lambda: learning(batch))


def test_a_project_of_many_detectors_is_read(tmp_path):
    from stridor.params import read_params

    growth.write_project(tmp_path, 3)
    assert list(read_params(tmp_path / "params.yaml").detectors) == ["pump_0000", "pump_0001", "pump_0002"]


def test_without_a_cuda_device_the_benchmark_says_so(bench, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    gpu.run(bench)
    assert bench.rows[0].case == "no CUDA device here"


def test_quartiles():
    assert harness.spread([3.0, 1.0, 2.0, 5.0, 4.0], "{:.1f}") == "2.0 to 4.0"
    assert harness.per_piece(0.02, 4) == "5 ms"
    assert harness.per_piece(12, 4) == "3.00 s"
