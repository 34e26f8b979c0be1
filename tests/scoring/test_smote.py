"""Synthetic target references: their position, number and reproducibility."""

import numpy as np
import pytest

from stridor.scoring.smote import NEIGHBOURS, smote


def made(sources: int, targets: int) -> tuple[np.ndarray, list[str]]:
    embeddings = np.random.default_rng(0).normal(size=(sources + targets, 7))
    return embeddings, ["target"] * targets + ["source"] * sources


@pytest.mark.parametrize(
    ("sources", "targets", "share", "added"),
    [(10, 2, 0.5, 8), (10, 2, 0.25, 1), (990, 10, 0.5, 980), (10, 2, 0.0, 0), (3, 5, 0.5, 0), (0, 3, 0.9, 0)],
)
def test_fills_up_to_the_share(sources, targets, share, added):
    synthetic, parents = smote(*made(sources, targets), share)
    assert synthetic.shape == (added, 7)
    assert parents.shape == (added, 2)


def test_each_is_between_a_target_and_one_of_its_nearest_targets():
    embeddings, domains = made(30, 9)
    synthetic, parents = smote(embeddings, domains, 0.7)
    assert np.bincount(parents[:, 0]).tolist() == [7] * 7 + [6] * 2
    targets = embeddings[:9]
    for clip, (first, second) in zip(synthetic, parents, strict=True):
        by_distance = np.argsort(np.linalg.norm(targets - targets[first], axis=1))
        assert second in by_distance[1 : NEIGHBOURS + 1]
        along = (clip - embeddings[first]) / (embeddings[second] - embeddings[first])
        assert along == pytest.approx(along[0])
        assert 0 <= along[0] < 1
    assert len(np.unique(synthetic, axis=0)) == len(synthetic)


def test_the_same_references_give_the_same_and_more_goes_on_from_fewer():
    few, many = smote(*made(30, 9), 0.4)[0], smote(*made(30, 9), 0.6)[0]
    np.testing.assert_array_equal(many[: len(few)], few)


def test_a_machine_without_target_clips_gets_none():
    synthetic, parents = smote(*made(10, 0), 0.5)
    assert (synthetic.shape, parents.shape) == ((0, 7), (0, 2))


def test_a_single_target_clip_has_no_neighbour_and_gets_none():
    synthetic, parents = smote(*made(10, 1), 0.5)
    assert (synthetic.shape, parents.shape) == ((0, 7), (0, 2))
