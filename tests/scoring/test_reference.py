"""A machine's bank and calibration on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stridor.common.errors import StridorError
from stridor.data.manifest import build_manifest
from stridor.params.scoring_sections import BankParams
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.reference import MachineReference
from stridor.scoring.threshold import calibrate
from tiny import write_pump


def test_round_trip_scores_and_decides_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pump(Path())
    clips = build_manifest(Path("data"), ("pump",)).select("train")
    rng = np.random.default_rng(0)
    reference = MachineReference.fit(rng.standard_normal((len(clips), 5)), clips, BankParams(k=2))
    reference.save(Path("reference"))
    again = MachineReference.load(Path("reference"))
    queries = rng.standard_normal((4, 5))
    assert (again.bank.score_samples(queries) == reference.bank.score_samples(queries)).all()
    assert again.calibration == reference.calibration
    assert again.bank.domains_.count("target") == 2


def test_a_hidden_domain_counts_as_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pump(Path())
    clips = [replace(c, domain=None) for c in build_manifest(Path("data"), ("pump",)).select("train")]
    reference = MachineReference.fit(np.eye(len(clips)), clips, BankParams())
    assert set(reference.bank.domains_) == {"source"}


def two_conditions():
    """A reference of a narrow condition at the origin and a wide one far away, and a function that asks it."""
    rng = np.random.default_rng(0)
    embeddings = np.concatenate([rng.normal(0, 0.1, (40, 4)), rng.normal(9, 1, (20, 4))])
    domains = ["source"] * 40 + ["target"] * 20
    bank = ReferenceBank(BankParams()).fit(embeddings, domains, [f"{i}.wav" for i in range(60)])
    return MachineReference(bank, calibrate(bank.leave_one_out_scores(), 90, domains, 0.05)), rng


def test_the_condition_of_the_nearest_clip_decides_unless_it_is_told():
    reference, rng = two_conditions()
    # Odd for source, though not by the measure of target.
    odd, normal = np.full((1, 4), 0.7), rng.normal(9, 1, (1, 4))
    queries = np.concatenate([odd, normal])
    found = reference.judge(queries)
    assert found.conditions == ("source", "target")
    assert found.clips == (40, 20)
    assert found.flagged.tolist() == [True, False]
    assert found.thresholds[0] < found.scores[0] < found.thresholds[1]
    np.testing.assert_array_equal(found.scores, reference.bank.score_samples(queries))
    assert (found.flagged == (found.p_values <= 0.05)).all()
    for condition in ("target", "any"):
        assert reference.judge(queries, condition=condition).flagged.tolist() == [False, False]
    assert reference.judge(queries, 0.9).flagged.tolist() == [True, found.p_values[1] <= 0.9]


def test_a_verdict_is_the_same_alone_and_among_others():
    reference, rng = two_conditions()
    queries = rng.normal(4, 5, (20, 4))
    together = reference.judge(queries)
    for i in range(20):
        alone = reference.judge(queries[i : i + 1])
        assert (alone.scores[0], alone.thresholds[0], alone.p_values[0], alone.nearest[0], alone.conditions[0]) == (
            together.scores[i], together.thresholds[i], together.p_values[i], together.nearest[i],
            together.conditions[i],
        )  # fmt: skip


def test_a_calibration_of_another_condition_or_none_still_judges():
    reference, _ = two_conditions()
    of_source = replace(reference, calibration=calibrate([0.1, 0.2, 0.3, 0.4, 0.5, 0.7]))
    assert of_source.judge(np.full((1, 4), 9.0)).conditions == ("source",)
    with pytest.raises(StridorError, match="no condition 'target'"):
        of_source.judge(np.zeros((1, 4)), condition="target")
    without = replace(reference, calibration=replace(of_source.calibration, normals={}))
    assert without.judge(np.zeros((1, 4))).clips == (0,)
