"""Areas of many resamples at once against scikit-learn on the resampled arrays."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from stridor.evaluation.roc import roc_areas


@pytest.mark.parametrize("max_fpr", [None, 0.1, 0.05, 1 / 3, 1.0])
@pytest.mark.parametrize("levels", [1, 2, 9, 1000])
def test_areas_equal_sklearn_on_resampled_arrays(max_fpr, levels):
    generator = np.random.default_rng(levels)
    for size in (2, 3, 7, 31, 100, 121):
        scores = generator.integers(levels, size=size).astype(float)
        positive = generator.random(size) < 0.4
        positive[:2] = True, False
        multiplicities = generator.integers(0, 4, (6, size))
        multiplicities[:, :2] += 1
        areas = roc_areas(scores, positive, ~positive, multiplicities, max_fpr)
        for area, counts in zip(areas, multiplicities, strict=True):
            known = roc_auc_score(np.repeat(positive, counts), np.repeat(scores, counts), max_fpr=max_fpr)
            assert area == pytest.approx(known, abs=1e-12)


def test_clips_that_are_neither_do_not_count():
    generator = np.random.default_rng(0)
    scores, kind = generator.normal(size=40), np.arange(40) % 3
    once = np.ones((1, 40), dtype=int)
    counted = kind < 2
    known = roc_auc_score(kind[counted], scores[counted])
    assert roc_areas(scores, kind == 1, kind == 0, once)[0] == pytest.approx(known, abs=1e-12)


def test_curve_that_meets_the_limit_exactly():
    scores = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 8.5, 5.5])
    positive = np.arange(12) >= 10
    once = np.ones((1, 12), dtype=int)
    known = roc_auc_score(positive, scores, max_fpr=0.1)
    assert roc_areas(scores, positive, ~positive, once, 0.1)[0] == pytest.approx(known, abs=1e-12)
