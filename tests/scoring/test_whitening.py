"""Whitened distances against matrices of full size."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.covariance import shrunk_covariance

from stridor.common.errors import StridorError
from stridor.scoring.whitening import Whitening


def made(clips: int, width: int) -> np.ndarray:
    """Make embeddings that vary unequally, far from the origin."""
    generator = np.random.default_rng(clips * width)
    return 50 + generator.normal(size=(clips, width)) @ generator.normal(size=(width, width))


def direct(queries: np.ndarray, points: np.ndarray, normals: np.ndarray, shrinkage: float) -> np.ndarray:
    inverse = np.linalg.inv(shrunk_covariance(np.cov(normals.T), shrinkage))
    return cdist(queries, points, "mahalanobis", VI=inverse)


@pytest.mark.parametrize(("clips", "width"), [(12, 5), (12, 40), (12, 12), (3, 7)])
@pytest.mark.parametrize("shrinkage", [0.01, 0.1, 1.0])
def test_distances_are_mahalanobis_distances(clips, width, shrinkage):
    normals = made(clips, width)
    queries = np.concatenate([normals[:2], 3 * made(4, width)])
    whitening = Whitening(normals, shrinkage)
    found = whitening.distances(whitening.coordinates(queries), whitening.coordinates(normals))
    np.testing.assert_allclose(found, direct(queries, normals, normals, shrinkage), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(("clips", "width"), [(12, 5), (12, 40), (12, 12), (3, 7)])
@pytest.mark.parametrize("shrinkage", [0.01, 0.1, 1.0])
def test_without_a_clip_the_covariance_is_that_of_the_others(clips, width, shrinkage):
    normals = made(clips, width)
    whitening = Whitening(normals, shrinkage)
    points = whitening.coordinates(normals)
    for clip in range(clips):
        others = np.delete(normals, clip, axis=0)
        found = whitening.without(clip)(points, points)
        np.testing.assert_allclose(found, direct(normals, normals, others, shrinkage), rtol=1e-8, atol=1e-10)


def test_a_clip_left_out_is_farther_than_with_its_own_part_in_the_covariance():
    normals = made(12, 40)
    whitening = Whitening(normals, 0.1)
    points = whitening.coordinates(normals)
    within = whitening.distances(points, points)
    for clip in range(12):
        without = whitening.without(clip)(points[[clip]], points)[0]
        assert (np.delete(without, clip) > 1.5 * np.delete(within[clip], clip)).all()


@pytest.mark.parametrize("times", [1e3, 1e6, 1e9])
def test_an_outlier_does_not_cost_the_digits_of_its_own_distance(times):
    normals = np.random.default_rng(0).normal(size=(12, 30))
    normals[5] *= times
    others = np.delete(normals, 5, axis=0)
    whitening = Whitening(normals, 0.1)
    points = whitening.coordinates(normals)
    found = whitening.without(5)(points[[5]], points)[0]
    expected = direct(normals[[5]], normals, others, 0.1)[0]
    np.testing.assert_allclose(np.delete(found, 5), np.delete(expected, 5), rtol=1e-4)


def test_copies_have_no_covariance():
    with pytest.raises(StridorError, match="copies of each other"):
        Whitening(np.full((5, 3), 0.1), 0.1)
    one_differs = np.full((5, 3), 0.1)
    one_differs[2] = 1
    with pytest.raises(StridorError, match="All reference clips but one are copies"):
        Whitening(one_differs, 0.1).without(2)
