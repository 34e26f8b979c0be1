"""Parameters: read once, unknown keys refused, a detector's own values in place of the general ones."""

from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stridor.common.errors import StridorError
from stridor.params import (
    ENVIRONMENT_SECTIONS,
    EVALUATION_SECTIONS,
    EXPERIMENT_SECTIONS,
    SCORING_SECTIONS,
    TRAINING_SECTIONS,
    Params,
    read_params,
)
from stridor.params.sections import DetectorParams, FixedSnrs, SnrInterval

PIPELINE = Path(__file__).resolve().parents[2] / "dvc.yaml"
GROUPS = (TRAINING_SECTIONS, SCORING_SECTIONS, EVALUATION_SECTIONS, ENVIRONMENT_SECTIONS, EXPERIMENT_SECTIONS)
MINIMAL = "detectors:\n  fan:\n    machines: [fan]\n"


def read(tmp_path, text):
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    return read_params(tmp_path / "params.yaml")


def test_defaults_are_the_literal_values(tmp_path):
    params = read(tmp_path, MINIMAL)
    assert params.augment.variants == 9
    assert params.augment.snr_db == SnrInterval(low_db=-5, high_db=20)
    assert params.training.batch_size == 16
    assert params.training.learning_rate == 1e-5
    assert (params.training.stage_one.epochs, params.training.stage_two.epochs) == (50, 100)
    assert (params.embedding.layer, params.embedding.pooling) == (-1, "mean")
    assert (params.bank.k, params.bank.metric, params.bank.threshold_percentile) == (1, "euclidean", 90)
    assert params.bank.density_neighbours == params.bank.target_oversampling == 0
    assert params.bank.domains == "joint"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("embedding: {pooling: patches}", "the pooling is patches and bank.bands is joint"),
        ("bank: {bands: patches}", "the pooling is mean and bank.bands is patches"),
        ("bank: {views: [{encoder: frozen, pooling: patches}]}", "set both to patches, or neither"),
        ("embedding: {pooling: patches}\nbank: {bands: patches, metric: whitened}", "no covariance to be whitened by"),
        ("embedding: {pooling: patches}\nbank: {bands: patches, target_oversampling: 0.5}", "no synthetic clips"),
    ],
)
def test_patches_are_pooled_and_compared_as_such(tmp_path, text, words):
    with pytest.raises(StridorError, match=words):
        read(tmp_path, f"{MINIMAL}{text}\n")


@pytest.mark.parametrize(
    "text",
    [
        "bank: {bands: separate}",
        "embedding: {pooling: bands}\nbank: {bands: separate, views: [{encoder: frozen, pooling: gem}]}",
        "bank: {views: [{encoder: log_mel, bands: separate}]}",
    ],
)
def test_bands_cannot_be_searched_where_a_pooling_leaves_none(tmp_path, text):
    with pytest.raises(StridorError, match=r"bank\.bands is separate, but the pooling (mean|gem) leaves no bands"):
        read(tmp_path, MINIMAL + text + "\n")
    one = "bank: {views: [{encoder: log_mel, bands: separate, pooling: quantiles}]}\n"
    assert read(tmp_path, MINIMAL + one).bank.views[0].bands == "separate"


def test_numbers_with_an_exponent_are_numbers(tmp_path):
    assert read(tmp_path, MINIMAL + "training:\n  learning_rate: 1e-3\n").training.learning_rate == 1e-3


@pytest.mark.parametrize(
    ("text", "expected"),
    [("[-5, 20]", SnrInterval(low_db=-5, high_db=20)), ("{fixed: [0, 5, 10]}", FixedSnrs(fixed=(0, 5, 10)))],
)
def test_both_forms_of_snr(tmp_path, text, expected):
    assert read(tmp_path, MINIMAL + f"augment:\n  snr_db: {text}\n").augment.snr_db == expected


def test_a_detector_overrides_the_general_values(tmp_path):
    text = MINIMAL + "    learning_rate: 0.002\n    snr_db: [0, 3]\n  pump:\n    machines: [pump]\n"
    params = read(tmp_path, text)
    fan, pump = params.for_detector("fan"), params.for_detector("pump")
    assert fan.training.learning_rate == 0.002
    assert fan.augment.snr_db == SnrInterval(low_db=0, high_db=3)
    assert fan.detectors == {"fan": DetectorParams(machines=("fan",))}
    assert fan.for_detector("fan") == fan
    assert pump.training.learning_rate == 1e-5
    assert params.training.learning_rate == 1e-5
    with pytest.raises(StridorError, match="no detector 'valve'; its detectors are fan, pump"):
        params.for_detector("valve")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MINIMAL + "sede: 1\n", "unknown parameter 'sede'"),
        (MINIMAL + "training:\n  epochs: 3\n", "unknown parameter 'training.epochs'"),
        (MINIMAL + "    snr: 3\n", "unknown parameter 'detectors.fan.snr'"),
        (MINIMAL + "bank:\n  k: 0\n", "'bank.k' is 0"),
        (MINIMAL + "bank:\n  metric: manhattan\n", "'bank.metric' is 'manhattan'"),
        (MINIMAL + "augment:\n  snr_db: [20, -5]\n", "augment.snr_db"),
        (MINIMAL + "augment:\n  snr_db: loud\n", "augment.snr_db"),
        (MINIMAL + "audio:\n  channel: left\n", "audio.channel"),
        (
            MINIMAL + "augment:\n  mix: false\n",
            "params.yaml: without mixing there is no interferer",
        ),
        (MINIMAL + "table:\n  variants: {full: {}}\n", "give the variant another name"),
        (MINIMAL + "table:\n  variants: {a-b: {}}\n", "parameter 'table.variants' has the name 'a-b'"),
        ("seed: 1\n", "'detectors'"),
        ("detectors: {}\n", "'detectors'"),
        ("detectors:\n  fan:\n    machines: []\n", "'detectors.fan.machines'"),
        ("detectors: [fan]\n", "'detectors'"),
        ("", "holds no parameters"),
        ("a: [1\n", "not valid YAML"),
        ("a: 1\na: 2\n", "not valid YAML"),
    ],
)
def test_mistakes_are_one_sentence_that_names_the_parameter(tmp_path, text, said):
    with pytest.raises(StridorError) as refused:
        read(tmp_path, text)
    sentence = str(refused.value)
    assert said in sentence
    assert "params.yaml" in sentence
    assert "\n" not in sentence


def test_missing_file_and_wrong_encoding(tmp_path):
    with pytest.raises(StridorError, match=r"params\.yaml is missing"):
        read_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_bytes(b"a: \xff\xfe\n")
    with pytest.raises(StridorError, match=r"params\.yaml is not valid YAML"):
        read_params(tmp_path / "params.yaml")


def test_every_section_is_in_one_group():
    assert Counter(section for group in GROUPS for section in group) == Counter(Params.model_fields.keys())


def test_the_pipeline_depends_on_the_same_sections():
    stages = YAML(typ="safe").load(PIPELINE)["stages"]
    named = {name: {one.split(".")[0] for one in stage.get("do", stage)["params"]} for name, stage in stages.items()}
    assert named["train"] == set(TRAINING_SECTIONS)
    assert set(SCORING_SECTIONS) <= named["index"]
    assert not set().union(*named.values()) & {*ENVIRONMENT_SECTIONS, *EXPERIMENT_SECTIONS}


def test_parameters_are_frozen(tmp_path):
    params = read(tmp_path, MINIMAL)
    with pytest.raises(ValueError, match="frozen"):
        params.seed = 3
