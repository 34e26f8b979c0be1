"""Covariances and distances against numpy and scipy, and where a covariance is singular."""

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from stridor.baselines.mahalanobis import ErrorMoments, covariances_of, selective_mahalanobis


def errors(count, width=7, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return 3 + scale * rng.standard_normal((count, width)) @ rng.standard_normal((width, width))


def moments(*parts, width=7):
    found = ErrorMoments(width)
    for part in parts:
        found.add(part)
    return found


def test_moments_of_parts_are_the_covariance_of_all():
    parts = [errors(n, seed=n) for n in (11, 1, 30)]
    expected = np.cov(np.concatenate(parts), rowvar=False)
    np.testing.assert_allclose(moments(*parts).covariance(), expected, rtol=1e-10)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_errors_have_no_covariance(count):
    assert moments(errors(count)).covariance() is None


def test_a_domain_without_errors_borrows_the_others_covariance():
    known, none = moments(errors(20)), moments()
    for found in (covariances_of({"source": known, "target": none}), covariances_of({"source": none, "target": known})):
        np.testing.assert_array_equal(found["source"], found["target"])
        np.testing.assert_array_equal(found["source"], known.covariance())


def test_the_smaller_distance_is_taken():
    source, target = (np.cov(errors(50, seed=seed), rowvar=False) + 0.1 * np.eye(7) for seed in (0, 1))
    rng = np.random.default_rng(2)
    queries = np.concatenate([rng.multivariate_normal(np.zeros(7), one, 5) for one in (source, target)])
    zero = np.zeros(7)
    both = np.array([
        [mahalanobis(query, zero, np.linalg.inv(covariance)) ** 2 for covariance in (source, target)]
        for query in queries
    ])  # fmt: skip
    assert set(both.argmin(axis=1)) == {0, 1}
    found = selective_mahalanobis(queries, {"source": source, "target": target})
    np.testing.assert_allclose(found, both.min(axis=1), rtol=1e-3)


def test_nothing_gives_nothing():
    assert selective_mahalanobis(np.empty((0, 3)), {"source": np.eye(3), "target": np.eye(3)}).shape == (0,)


def test_few_target_errors_do_no_harm():
    source = np.cov(errors(50), rowvar=False)
    few = moments(errors(3, seed=1)).covariance()
    assert np.linalg.matrix_rank(few) == 2
    queries = errors(9, seed=2)
    found = selective_mahalanobis(queries, {"source": source, "target": few})
    np.testing.assert_allclose(found, selective_mahalanobis(queries, {"source": source, "target": source}))


@pytest.mark.parametrize("count", [1, 2])
def test_errors_without_any_variance_give_finite_distances(count):
    same = moments(np.zeros((count + 1, 7))).covariance()
    found = selective_mahalanobis(errors(4), {"source": same, "target": same})
    assert np.isfinite(found).all()
    assert (found > 0).all()
