"""Counts of false alarms and their intervals, against SciPy."""

import pytest
from scipy.stats import binomtest

from stridor.evaluation.false_alarms import FalseAlarms


@pytest.mark.parametrize(("flagged", "normals"), [(0, 15), (1, 15), (15, 15), (3, 105), (52, 105)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_equal_scipys(flagged, normals, confidence):
    expected = binomtest(flagged, normals).proportion_ci(confidence, method="exact")
    assert FalseAlarms(flagged, normals).interval(confidence) == pytest.approx((expected.low, expected.high))


def test_counts_add_up():
    assert FalseAlarms.sum([FalseAlarms(1, 3), FalseAlarms(1, 2)]) == FalseAlarms(2, 5)
    assert FalseAlarms(0, 0).text(0.95) == "-"
