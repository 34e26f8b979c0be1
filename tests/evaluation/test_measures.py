"""Official measures against the organisers' evaluator, scikit-learn, SciPy and counting by hand."""

import json

import numpy as np
import pytest
from scipy.stats import hmean
from sklearn.metrics import confusion_matrix

from kit import kit
from made_clips import KIT_MACHINES, clips_of_groups, gaussian_clips, kit_clips
from stridor.common.errors import StridorError
from stridor.data.names import DOMAINS
from stridor.evaluation.measures import (
    MachineMeasures,
    ScoredClips,
    false_alarm_rate,
    harmonic_mean,
    measure,
    total_score,
)

EXPECTED_SETS = {"dcase2025_dev": None, "dcase2025_dev_rounded3": 3}


def expected(name: str) -> dict:
    return json.loads((kit("metrics") / "expected.json").read_text())[name]


@pytest.mark.parametrize(("name", "decimals"), EXPECTED_SETS.items())
def test_measures_equal_the_organisers_evaluator(name, decimals):
    known = expected(name)
    measured = {machine: measure(kit_clips(machine, decimals)) for machine in KIT_MACHINES}
    assert set(measured) == set(known["machines"])
    for machine, values in known["machines"].items():
        for field in ("auc_source", "auc_target", "pauc"):
            assert getattr(measured[machine], field) == pytest.approx(values[field], abs=1e-6)
        assert total_score([measured[machine]]) == pytest.approx(values["hmean"], abs=1e-6)
    assert total_score(measured.values()) == pytest.approx(known["official_score"], abs=1e-6)
    for field in ("auc_source", "auc_target", "pauc"):
        over_machines = harmonic_mean([getattr(one, field) for one in measured.values()])
        assert over_machines == pytest.approx(known[f"hmean_{field}"], abs=1e-6)


def test_totals_of_the_reports_table_follow_from_its_cells():
    seed = json.loads((kit("metrics") / "seed_table1.json").read_text())
    for system, cells in seed["cells"].items():
        machines = [MachineMeasures(**{k: v / 100 for k, v in row.items()}) for row in cells.values()]
        assert 100 * total_score(machines) == pytest.approx(seed["computed_harmonic_mean"][system], abs=1e-6)


def test_auc_counts_pairs_with_the_anomalies_of_both_domains():
    clips = clips_of_groups(
        {
            ("source", "normal"): [1, 2, 2],
            ("target", "normal"): [3, 5],
            ("source", "anomaly"): [2, 4],
            ("target", "anomaly"): [5],
        }
    )
    measured = measure(clips)
    # A pair is right where the anomaly scores higher, and a tie is half right.
    assert measured.auc_source == pytest.approx((7 + 2 * 0.5) / 9)
    assert measured.auc_target == pytest.approx((2 + 1 * 0.5) / 6)


@pytest.mark.parametrize("threshold", [0.8, 1e9, -1e9])
def test_false_alarms_equal_the_confusion_matrix_of_sklearn(threshold):
    clips = gaussian_clips(np.random.default_rng(3), size=17)
    for domain in DOMAINS:
        here = clips.in_domain(domain)
        truth, guess = clips.anomalous[here], clips.scores[here] > threshold
        (true_negatives, false_positives), _ = confusion_matrix(truth, guess)
        expected_rate = false_positives / (true_negatives + false_positives)
        assert false_alarm_rate(clips, threshold, domain) == pytest.approx(expected_rate)


def test_a_score_at_the_threshold_is_not_an_alarm_and_without_normals_there_is_no_rate():
    clips = clips_of_groups({("source", "normal"): [1.0, 2.0], ("target", "anomaly"): [2.0]})
    assert false_alarm_rate(clips, 1.0, "source") == 0.5
    assert false_alarm_rate(clips, 1.0, "target") is None


def test_harmonic_mean_equals_scipy():
    values = np.random.default_rng(0).uniform(0.01, 1, (5, 7))
    for axis in (0, 1, None):
        np.testing.assert_allclose(harmonic_mean(values, axis), hmean(values, axis=axis), rtol=1e-14)


@pytest.mark.filterwarnings("error")
def test_a_measure_of_zero_makes_the_total_zero():
    nothing = MachineMeasures(auc_source=0.0, auc_target=0.9, pauc=0.5)
    assert total_score([nothing]) == 0
    assert total_score([nothing, MachineMeasures(1.0, 1.0, 1.0)]) == 0
    assert harmonic_mean([[0.0, 1.0], [0.5, 1.0]], axis=1).tolist() == [0.0, pytest.approx(2 / 3)]


def test_the_order_of_clips_does_not_matter():
    clips = gaussian_clips(np.random.default_rng(0), size=5)
    order = np.random.default_rng(1).permutation(len(clips.scores))
    shuffled = ScoredClips(
        clips.machine,
        *([values[i] for i in order] for values in (clips.file_names, clips.domains, clips.labels)),
        clips.scores[order],
    )
    assert shuffled.file_names == clips.file_names
    np.testing.assert_array_equal(shuffled.scores, clips.scores)


@pytest.mark.parametrize(
    ("groups", "complaint"),
    [
        ({}, "no anomalies among its 0 test clips"),
        ({("source", "normal"): [1.0], ("target", "normal"): [1.0]}, "no anomalies among its 2"),
        ({("source", "normal"): [1.0], ("target", "anomaly"): [1.0]}, "no normal test clips of the target"),
        ({("target", "normal"): [1.0], ("target", "anomaly"): [1.0]}, "no normal test clips of the source"),
    ],
)
def test_a_missing_group_is_named(groups, complaint):
    with pytest.raises(StridorError, match=f"made: .*{complaint}"):
        measure(clips_of_groups(groups))


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"scores": [1.0, np.nan]}, "the score of b.wav is nan"),
        ({"scores": [1.0, np.inf]}, "the score of b.wav is inf"),
        ({"scores": [1.0]}, "do not fit together"),
        ({"scores": [[1.0], [2.0]]}, "do not fit together"),
        ({"file_names": ["a.wav", "a.wav"]}, "a.wav is scored twice"),
        ({"domains": ["source", None]}, "b.wav has the domain None"),
        ({"labels": ["normal", "1"]}, "the label '1'"),
    ],
)
def test_clips_that_cannot_be_measured_are_refused(changed, complaint):
    good = {
        "machine": "fan",
        "file_names": ["a.wav", "b.wav"],
        "domains": ["source", "target"],
        "labels": ["normal", "anomaly"],
        "scores": [1.0, 2.0],
    }
    with pytest.raises(StridorError, match=complaint):
        ScoredClips(**{**good, **changed})


def test_no_machine_has_no_total():
    with pytest.raises(StridorError, match="at least one machine"):
        total_score([])
