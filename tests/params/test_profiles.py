"""Profiles are whole, and switching loses nothing."""

from pathlib import Path

import pytest

from stridor.common.errors import StridorError
from stridor.params import read_params
from stridor.params.profiles import switch

PROFILES = Path(__file__).resolve().parents[2] / "profiles"


@pytest.fixture
def root(tmp_path):
    """A project with two profiles, the first of which is in use."""
    (tmp_path / "profiles").mkdir()
    (tmp_path / "data" / "fan").mkdir(parents=True)
    fan = "# small\ndetectors:\n  fan:\n    machines: [fan]\n"
    (tmp_path / "profiles" / "small.yaml").write_text(fan)
    (tmp_path / "profiles" / "large.yaml").write_text(
        "detectors:\n  fleet:\n    machines: [valve, saw]\nencoder: {checkpoint: checkpoints/big.pt}\n"
    )
    (tmp_path / "params.yaml").write_text(fan)
    return tmp_path


@pytest.mark.parametrize("name", ["demo", "paper", "dcase2025"])
def test_the_profiles_are_read_with_all_their_values(name):
    params = read_params(PROFILES / f"{name}.yaml")
    machines = [machine for detector in params.detectors.values() for machine in detector.machines]
    assert machines == ["ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve"]


def test_the_paper_is_literal():
    params = read_params(PROFILES / "paper.yaml")
    training = params.training
    assert list(params.detectors) == ["fleet"]
    assert (training.stage_one.epochs, training.stage_two.epochs) == (50, 100)
    assert (training.learning_rate, training.batch_size, training.stage_two.learning_rate_factor) == (1e-5, 16, 1)
    assert (params.augment.variants, params.bank.k, params.bank.metric, params.embedding.layer) == (
        9,
        1,
        "euclidean",
        -1,
    )
    assert (params.training.consistency_weight, params.decoder.output) == (0, "direct")


def test_a_switch_shows_what_changes_and_what_is_missing(root):
    before = (root / "params.yaml").read_text()
    done = switch("large", root)
    assert (root / "params.yaml").read_text() == (root / "profiles" / "large.yaml").read_text()
    assert "-  fan:" in done.changes
    assert "+    machines: [valve, saw]" in done.changes
    absent, left, checkpoint = done.missing
    assert "no clips of valve, saw" in absent
    assert "listens to fan" in left
    assert "checkpoints/big.pt is not there: 'make checkpoint'" in checkpoint
    switch("small", root)
    assert (root / "params.yaml").read_text() == before
    assert "already" in switch("small", root).text()


def test_changes_are_not_lost(root):
    params = root / "params.yaml"
    params.write_text(params.read_text() + "seed: 7\n")
    before = params.read_text()
    with pytest.raises(StridorError, match=r"changes that no profile has; keep them by 'cp params.yaml profiles/mine"):
        switch("large", root)
    assert params.read_text() == before
    (root / "profiles" / "mine.yaml").write_text(before)
    switch("large", root)
    switch("mine", root)
    assert params.read_text() == before
    params.write_text(before + "\n")
    assert "-seed: 7" in switch("large", root, force=True).changes


def test_a_profile_that_is_not_there_or_wrong_changes_nothing(root):
    before = (root / "params.yaml").read_text()
    with pytest.raises(StridorError, match="no profile 'huge'; profiles/ holds large, small"):
        switch("huge", root)
    (root / "profiles" / "huge.yaml").write_text("sead: 1\ndetectors: {a: {machines: [a]}}\n")
    with pytest.raises(StridorError, match="unknown parameter 'sead'"):
        switch("huge", root)
    assert (root / "params.yaml").read_text() == before
