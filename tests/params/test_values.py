"""Values that would break a stage later are refused when params.yaml is read, by their full names."""

import pytest

from stridor.common.errors import StridorError
from stridor.params import read_params
from stridor.params.names import check_distinct, is_plain_name

MINIMAL = "detectors:\n  fan:\n    machines: [fan]\n"


def refusal(tmp_path, text):
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(StridorError) as refused:
        read_params(tmp_path / "params.yaml")
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert len(sentence) < 400
    return sentence


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("augment: {snr_db: [.nan, 1]}", "augment.snr_db"),
        ("augment: {snr_db: [-1.0e+4, 1]}", "augment.snr_db"),
        ("augment: {snr_db: {low_db: 0, high_db: 1.0e+308}}", "augment.snr_db.high_db"),
        ("augment: {snr_db: {fixed: [0, .inf]}}", "augment.snr_db.fixed.1"),
        ("augment: {variants: 1000000000}", "augment.variants"),
        ("augment: {interferers: []}", "augment.interferers"),
        ("augment: {unmixed: 1}", "augment.unmixed"),
        ("encoder: {adapt: side, side_width: 30}\ndecoder: {target: representation}", "encoder.side_width"),
        ("seed: 18446744073709551616", "seed"),
        ("seed: -1", "seed"),
        ("decoder: {width: 10000000}", "decoder.width"),
        ("decoder: {heads: 3}", "decoder"),
        ("compute: {threads: 1000000}", "compute.threads"),
        ("compute: {threads: 1099511627776}", "compute.threads"),
        ("compute: {loader_workers: 1000000}", "compute.loader_workers"),
        ("bank: {target_oversampling: .9999999}", "bank.target_oversampling"),
        ("sweep: {target_oversampling: [0, .9999999]}", "sweep.target_oversampling.1"),
        ("evaluation: {bootstrap: 1000000000}", "evaluation.bootstrap"),
        ("autoencoder: {batch_size: 100000000000000000000}", "autoencoder.batch_size"),
        ("training: {learning_rate: .nan}", "training.learning_rate"),
        ("training: {gradient_clip: .inf}", "training.gradient_clip"),
        ("tune: {search: {training.learning_rate: {low: .nan, high: 1}}}", "tune.search.training.learning_rate.low"),
        ("encoder: {checkpoint: .}", "encoder.checkpoint"),
        ('encoder: {checkpoint: ""}', "encoder.checkpoint"),
        ('encoder: {checkpoint: "a/.."}', "encoder.checkpoint"),
        (f"encoder: {{checkpoint: {'x' * 5000}}}", "encoder.checkpoint"),
        ('encoder: {checkpoint: "a\\0b"}', "encoder.checkpoint"),
        ('tracking: {experiment: ".."}', "tracking.experiment"),
        ('tracking: {experiment: ""}', "tracking.experiment"),
        (f"seed: {'x' * 10000}", "seed"),
    ],
)
def test_a_value_that_would_break_a_stage(tmp_path, text, where):
    assert f"params.yaml: parameter '{where}' is " in refusal(tmp_path, f"{MINIMAL}{text}\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("augment: {interferers: [noise, white, noise]}", "'noise' is listed more than once"),
        ("encoder: {adapt: side}", "set decoder.target to representation"),
        ("training: {retain: 0.5}", "training.retain needs decoder.target representation"),
        ("embedding: {precision: int8}", "int8 is for the processor; set compute.accelerator to cpu"),
        (
            "embedding: {precision: bfloat16}\ncompute: {accelerator: cpu, threads: 1, reproducible: true}",
            "compute.reproducible is known to hold in float32 only",
        ),
        ("training: {consistency_weight: 1}\ndecoder: {target: representation}", "training.consistency_weight"),
        (
            "augment: {mix: false}\ntraining: {interferer_weight: 0}\ndecoder: {target: representation}",
            "learnt from mixtures; set augment.mix to true",
        ),
    ],
)
def test_values_that_do_not_go_together(tmp_path, text, reason):
    assert reason in refusal(tmp_path, f"{MINIMAL}{text}\n")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('"": 1', ""), ("? \n: 1", "None"), ("Training: {}", "Training"), ("1: 2", "1"),
        ("bank: {K: 3}", "bank.K"), ("bank: {'': 3}", "bank."),
    ],
)  # fmt: skip
def test_unknown_keys_are_named_as_they_are_written(tmp_path, text, name):
    assert f"unknown parameter '{name}'; remove it" in refusal(tmp_path, f"{MINIMAL}{text}\n")


def test_names_in_capitals_stay_in_the_full_name(tmp_path):
    assert "'detectors.ToyCar.machines' is 3" in refusal(tmp_path, "detectors: {ToyCar: {machines: 3}}\n")


def test_no_inner_name_of_a_validator_is_shown(tmp_path):
    said = refusal(tmp_path, f"{MINIMAL}augment: {{snr_db: {{low_db: 1, fixed: [2]}}}}\n")
    assert said.endswith("params.yaml: parameter 'augment.snr_db.high_db' is missing; add it.")


@pytest.mark.parametrize(
    "name", ["..", ".", "a/b", "/abs/name", " ", "", "a b", "${x}", "a;b", "-x", "a.b", "ä", "x" * 101]
)
def test_names_that_leave_the_project_or_a_command(tmp_path, name):
    assert f"parameter 'detectors' has the name '{name[:20]}" in refusal(
        tmp_path, f"detectors:\n  '{name}':\n    machines: [fan]\n"
    )
    said = refusal(tmp_path, f"detectors:\n  fan:\n    machines: [fan, '{name}']\n")
    assert f"parameter 'detectors.fan.machines.1' is '{name[:20]}" in said
    assert not is_plain_name(name)


@pytest.mark.parametrize("other", ["fan", "Fan"])
def test_names_that_share_a_folder(tmp_path, other):
    assert f"'fan' and '{other}' would share" in refusal(
        tmp_path, f"detectors:\n  fleet:\n    machines: [fan, {other}]\n"
    )
    check_distinct(["fan", "pump"])


def test_detectors_that_share_a_folder(tmp_path):
    text = "detectors: {fan: {machines: [fan]}, FAN: {machines: [pump]}}\n"
    assert "'fan' and 'FAN' would share a folder" in refusal(tmp_path, text)


@pytest.mark.parametrize("name", ["null", "1e3", "true"])
def test_a_word_that_yaml_does_not_read_as_text_has_to_be_quoted(tmp_path, name):
    assert "write it in quotes" in refusal(tmp_path, f"detectors:\n  {name}:\n    machines: [fan]\n")
    (tmp_path / "params.yaml").write_text(f"detectors:\n  '{name}':\n    machines: ['{name}']\n")
    assert list(read_params(tmp_path / "params.yaml").detectors) == [name]


def test_what_a_detector_overrides_is_checked_for_all_at_once(tmp_path):
    text = f"{MINIMAL}    overrides: {{bank.k: 0}}\n"
    assert "params.yaml, detector 'fan': parameter 'bank.k' is 0" in refusal(tmp_path, text)
    text = f"{MINIMAL}    overrides: {{training.batch_size: .nan}}\n"
    assert "detectors.fan.overrides.training.batch_size" in refusal(tmp_path, text)
