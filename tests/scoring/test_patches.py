"""Memory of patches against brute force, and what cannot be one."""

import numpy as np
import pytest

from stridor.common.errors import StridorError
from stridor.params.scoring_sections import PATCHES, BankParams
from stridor.scoring.bank import ReferenceBank

BANDS, WIDTH, CLIPS, QUERIES = 8, 3, 6, 4
DOMAINS = ["source"] * 4 + ["target"] * 2
NAMES = [f"{i}.wav" for i in range(CLIPS)]


def made(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, BANDS * PATCHES * WIDTH))


def brute(queries: np.ndarray, references: np.ndarray, cosine: bool, k: int = 1) -> np.ndarray:
    """Score by loops: of every patch the nearest in each clip, the mean over the k nearest clips, the mean over all."""
    split = (-1, BANDS, PATCHES, WIDTH)
    scores = []
    for query in queries.reshape(split):
        patches = []
        for band in range(BANDS):
            for patch in query[band]:
                by_clip = []
                for reference in references.reshape(split):
                    if cosine:
                        norms = np.linalg.norm(reference[band], axis=1) * np.linalg.norm(patch)
                        by_clip.append((1 - reference[band] @ patch / norms).min())
                    else:
                        by_clip.append(np.linalg.norm(reference[band] - patch, axis=1).min())
                patches.append(np.mean(sorted(by_clip)[:k]))
        scores.append(np.mean(patches))
    return np.array(scores)


@pytest.mark.parametrize(("metric", "k"), [("euclidean", 1), ("cosine", 1), ("euclidean", 3)])
def test_a_score_is_the_mean_distance_of_the_patches_to_the_nearest_of_their_band(metric, k):
    references, queries = made(CLIPS, 0), made(QUERIES, 1)
    bank = ReferenceBank(BankParams(bands="patches", metric=metric, k=k)).fit(references, DOMAINS, NAMES)
    np.testing.assert_allclose(
        bank.score_samples(queries), brute(queries, references, metric == "cosine", k), rtol=1e-9
    )
    # A clip by itself, and one that the bank knows.
    np.testing.assert_array_equal(bank.score_samples(queries[2:3]), bank.score_samples(queries)[2:3])
    if k == 1:
        assert bank.score_samples(references[1:2]) == pytest.approx(0, abs=1e-9)
    alone = [
        brute(references[i : i + 1], np.delete(references, i, axis=0), metric == "cosine", k)[0] for i in range(CLIPS)
    ]
    np.testing.assert_allclose(bank.leave_one_out_scores(), alone, rtol=1e-9)


def test_time_does_not_count():
    references, queries = made(CLIPS, 0), made(QUERIES, 1)
    later = queries.reshape(QUERIES, BANDS, PATCHES, WIDTH)[:, :, ::-1].reshape(QUERIES, -1)
    bank = ReferenceBank(BankParams(bands="patches")).fit(references, DOMAINS, NAMES)
    np.testing.assert_allclose(bank.score_samples(later), bank.score_samples(queries), rtol=1e-12)


def test_a_bank_of_patches_loads_back(tmp_path):
    bank = ReferenceBank(BankParams(bands="patches", density_neighbours=2)).fit(made(CLIPS, 0), DOMAINS, NAMES)
    bank.save(tmp_path / "bank")
    again = ReferenceBank.load(tmp_path / "bank")
    np.testing.assert_array_equal(again.score_samples(made(QUERIES, 1)), bank.score_samples(made(QUERIES, 1)))


@pytest.mark.parametrize(
    ("values", "width", "words"),
    [
        ({"metric": "whitened"}, BANDS * PATCHES * WIDTH, "no covariance to be whitened by"),
        ({"target_oversampling": 0.5}, BANDS * PATCHES * WIDTH, "no synthetic clips"),
        ({}, BANDS * PATCHES * WIDTH + 1, f"does not hold {PATCHES} patches in each of 8 frequency bands"),
    ],
)
def test_what_has_no_patches_is_refused(values, width, words):
    embeddings = np.random.default_rng(0).normal(size=(CLIPS, width))
    with pytest.raises(StridorError, match=words):
        ReferenceBank(BankParams(bands="patches", **values)).fit(embeddings, DOMAINS, NAMES)


def test_a_patch_without_a_distance_names_its_clip():
    references = made(CLIPS, 0)
    references[3, :WIDTH] = 0
    with pytest.raises(StridorError, match=r"3\.wav is all zeros"):
        ReferenceBank(BankParams(bands="patches", metric="cosine")).fit(references, DOMAINS, NAMES)
