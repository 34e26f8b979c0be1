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


JOINED = {
    "views": (
        {"encoder": "log_mel", "pooling": "quantiles", "metric": "whitened"},
        {"encoder": "frozen", "metric": "cosine", "k": 2},
        {"encoder": "fine_tuned", "density_neighbours": 1},
    )
}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"metric": "whitened"},
        {"metric": "whitened", "density_neighbours": 2, "target_oversampling": 0.4},
        {"domains": "separate", "k": 2, "metric": "cosine"},
        JOINED,
    ],
    ids=["literal", "whitened", "whitened density", "separate", "joined"],
)
def test_a_bank_that_was_changed_equals_one_that_is_fitted_from_scratch(values, tmp_path):
    params = BankParams(threshold_percentile=80.0, false_alarm_rate=0.05, **values)
    widths = (12, 5, 7) if params.views else ()
    rng = np.random.default_rng(3)
    embeddings = rng.standard_normal((24, 24)) + 2.0
    domains = ["source"] * 18 + ["target"] * 6
    names = [f"{i:02d}.wav" for i in range(24)]

    def fitted(rows):
        rows = list(rows)
        return MachineReference.fit_named(
            embeddings[rows], [domains[i] for i in rows], [names[i] for i in rows], [10.0] * len(rows), params, widths
        )

    some = [i for i in range(24) if i % 3]
    fitted(some).save(tmp_path / "some")
    registered = MachineReference.load(tmp_path / "some")
    order = [*some, *(i for i in range(24) if not i % 3)]
    added = registered.refitted(
        np.concatenate([registered.bank.embeddings_, embeddings[::3]]),
        [domains[i] for i in order], [names[i] for i in order],
    )  # fmt: skip
    removed = added.refitted(
        added.bank.embeddings_[: len(some)], added.bank.domains_[: len(some)], added.bank.file_names_[: len(some)]
    )
    queries = rng.standard_normal((5, 24)) + 2.0
    for changed, scratch in ((added, fitted(order)), (removed, fitted(some))):
        np.testing.assert_array_equal(changed.bank.score_samples(queries), scratch.bank.score_samples(queries))
        assert changed.calibration == scratch.calibration
        changed.save(tmp_path / "changed")
        scratch.save(tmp_path / "scratch")
        for file in ("bank.json", "embeddings.npy", "calibration.json"):
            assert (tmp_path / "changed" / file).read_bytes() == (tmp_path / "scratch" / file).read_bytes()
    assert not np.allclose(added.bank.score_samples(queries), registered.bank.score_samples(queries))
