"""Counts of false alarms and their intervals, against SciPy."""

import pytest
from scipy.stats import binomtest

from made_clips import clips_of_groups
from stridor.evaluation.false_alarms import FalseAlarms


@pytest.mark.parametrize(("flagged", "normals"), [(0, 15), (1, 15), (15, 15), (3, 105), (52, 105)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_equal_scipys(flagged, normals, confidence):
    expected = binomtest(flagged, normals).proportion_ci(confidence, method="exact")
    assert FalseAlarms(flagged, normals).interval(confidence) == pytest.approx((expected.low, expected.high))


def test_only_normal_clips_of_the_domain_count():
    clips = clips_of_groups({
        ("source", "normal"): [0.1, 0.6, 0.7], ("target", "normal"): [0.9, 0.5], ("source", "anomaly"): [0.9],
        ("target", "anomaly"): [0.9, 0.8],
    })  # fmt: skip
    source, target = (FalseAlarms.count(clips, 0.6, domain) for domain in ("source", "target"))
    assert (source, target) == (FalseAlarms(1, 3), FalseAlarms(1, 2))
    assert FalseAlarms.sum([source, target]) == FalseAlarms(2, 5)
    assert FalseAlarms(0, 0).text(0.95) == "-"
