"""What a step costs, and the plan as it is printed."""

import pytest
from click.testing import CliRunner

from stridor.cli.main import main
from stridor.models.separator import Separator
from stridor.params import read_params
from stridor.pipeline.estimate import Plan, make_plan
from stridor.pipeline.step_cost import measure_step
from stridor.pipeline.work import Work
from tiny import CONFIG, tiny_encoder
from tiny_project import params_of, write_project


def linear_flop(tokens, params):
    """Operations of all matrix products with weights, forward and backward, of an encoder and a separator."""
    width, inner = CONFIG.encoder_embed_dim, CONFIG.encoder_ffn_embed_dim
    encoder = CONFIG.encoder_layers * (4 * width * width + 2 * width * inner) + CONFIG.embed_dim * width
    wide = params.decoder.width
    separator = width * wide + params.decoder.layers * (4 * wide * wide + 8 * wide * wide) + wide * 2 * 256
    return 6 * tokens * (encoder + separator)


def test_a_step_is_measured(project):
    write_project(project)
    params = params_of()
    cost = measure_step(params, 2.0)
    encoder = tiny_encoder()
    assert cost.encoder_parameters == sum(one.numel() for one in encoder.parameters())
    separator = Separator(CONFIG.encoder_embed_dim, params.decoder)
    assert cost.separator_parameters == sum(one.numel() for one in separator.parameters())
    assert cost.embed_seconds > 0
    assert 0 < cost.step_seconds < 30
    assert cost.peak_bytes > 1e7
    # 2 s are 198 frames and 12 columns of 8 patches; attention, convolutions and patches come on top.
    products = linear_flop(params.training.batch_size * 12 * 8, params)
    assert products < cost.flop < 4 * products


def test_hours_are_steps_times_seconds(project):
    write_project(project)
    cost = measure_step(params_of(), 0.5)
    work = Work(12, 3, 8, 10, 0.5, steps_one=100, steps_two=50, embedded=20, augmented_bytes=10**9)
    plan = Plan({"a": work, "b": work}, cost, 4)
    assert plan.hours("a") == pytest.approx((150 * cost.step_seconds + 20 * cost.embed_seconds) / 3600)
    head, a, _, both, *_ = plan.text().splitlines()
    assert head.split() == ["detector", "normals", "supplements", "tests", "examples", "steps", "PFLOP", "hours",
                            "augmented", "GB"]  # fmt: skip
    assert a.split()[:6] == ["a", "12", "3", "8", "10", "150"]
    assert both.split()[:6] == ["all", "24", "6", "16", "20", "300"]
    assert plan.all_hours == pytest.approx(2 * plan.hours("a"))
    assert Plan({"a": work, "b": work, "c": work}, cost, 4, at_a_time=2).all_hours == pytest.approx(
        1.5 * plan.hours("a")
    )
    # More at a time than there are finish no sooner.
    assert Plan({"a": work, "b": work}, cost, 4, at_a_time=8).all_hours == pytest.approx(plan.hours("a"))


def test_the_command_plans_the_project(project):
    write_project(project)
    outcome = CliRunner().invoke(main, ["plan"])
    assert outcome.exit_code == 0, outcome.output
    assert outcome.output.splitlines()[1].split()[:5] == ["pump", "12", "3", "8", "10"]
    assert "detector 'saw'" in CliRunner().invoke(main, ["plan", "saw"]).output


def test_the_plan_counts_as_many_detectors_at_a_time_as_will_run(project, monkeypatch):
    write_project(project, detectors={name: {"machines": ["pump"]} for name in "abc"}, compute={"threads": 1})
    monkeypatch.setattr("stridor.pipeline.estimate.processes_at_a_time", lambda threads, accelerator: 1)
    alone, beside = make_plan(read_params()), make_plan(read_params(), jobs=3)
    assert (alone.at_a_time, beside.at_a_time) == (1, 3)
    assert "3 detector(s) in parallel" in beside.text()


def test_a_missing_checkpoint_is_an_error(project):
    write_project(project)
    (project / "tiny.pt").unlink()
    outcome = CliRunner().invoke(main, ["plan"])
    assert outcome.exit_code == 2
    assert "tiny.pt is missing" in outcome.output
