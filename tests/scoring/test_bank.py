"""The reference bank against direct computation in float64, and what it refuses."""

import json

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.covariance import shrunk_covariance
from sklearn.metrics.pairwise import cosine_distances

from stridor.common.errors import StridorError
from stridor.params.scoring_sections import BankParams
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.bank_files import DESCRIPTION_FILE, EMBEDDINGS_FILE


def made_embeddings(generator: np.random.Generator, clips: int, width: int = 13) -> np.ndarray:
    """Make embeddings far from the origin, where a careless distance loses its digits."""
    return 30 + generator.normal(size=(clips, width))


def fitted(embeddings: np.ndarray, k: int = 1, metric: str = "euclidean", **options: object) -> ReferenceBank:
    names = [f"clip_{i:04}.wav" for i in range(len(embeddings))]
    domains = ["target" if i % 4 == 3 else "source" for i in range(len(embeddings))]
    return ReferenceBank(BankParams(k=k, metric=metric, **options)).fit(embeddings, domains, names)


def direct_distances(queries: np.ndarray, references: np.ndarray, metric: str) -> np.ndarray:
    if metric == "whitened":
        covariance = shrunk_covariance(np.cov(references.T), 0.1)
        return cdist(queries, references, "mahalanobis", VI=np.linalg.inv(covariance))
    if metric == "cosine":
        queries, references = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, references))
        return ((queries[:, None] - references[None]) ** 2).sum(axis=2) / 2
    return np.sqrt(((queries[:, None] - references[None]) ** 2).sum(axis=2))


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "whitened"])
@pytest.mark.parametrize(("references", "k"), [(3, 1), (5, 1), (5, 4), (121, 1), (121, 3)])
def test_scores_equal_a_direct_computation(metric, references, k):
    generator = np.random.default_rng(references)
    bank, queries = made_embeddings(generator, references), made_embeddings(generator, 17)
    queries[0] = bank[1]
    queries[1] = bank[0] + 1e-9
    nearest = np.sort(direct_distances(queries, bank, metric), axis=1)[:, :k]
    scores = fitted(bank, k, metric).score_samples(queries)
    assert scores.dtype == np.float64
    # Only distances of embeddings to each other are exactly 0 for copies.
    atol = 1e-12 if metric == "whitened" else 1e-20
    np.testing.assert_allclose(scores, nearest.mean(axis=1), rtol=1e-6 if metric == "whitened" else 1e-9, atol=atol)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("k", [1, 2])
def test_leave_one_out_equals_banks_without_the_clip(metric, k):
    embeddings = made_embeddings(np.random.default_rng(0), 9)
    embeddings[4] = embeddings[3]
    scores = fitted(embeddings, k, metric).leave_one_out_scores()
    for i, one in enumerate(embeddings):
        others = fitted(np.delete(embeddings, i, axis=0), k, metric)
        assert scores[i] == others.score_samples(one[None])[0]


def test_leave_one_out_of_copies_is_zero():
    assert fitted(np.full((5, 3), 0.1), k=3).leave_one_out_scores().tolist() == [0.0] * 5


def test_leave_one_out_of_the_whitened_metric_equals_banks_without_the_clip():
    """Its covariance is that of the others, in fewer dimensions than clips and in more."""
    for clips, width in ((9, 3), (9, 40)):
        embeddings = made_embeddings(np.random.default_rng(0), clips, width)
        embeddings[4] = embeddings[3]
        scores = fitted(embeddings, metric="whitened").leave_one_out_scores()
        direct = [
            fitted(np.delete(embeddings, i, axis=0), metric="whitened").score_samples(one[None])[0]
            for i, one in enumerate(embeddings)
        ]
        np.testing.assert_allclose(scores, direct, rtol=1e-9, atol=1e-9)


def test_the_cosine_metric_is_one_minus_the_cosine():
    generator = np.random.default_rng(0)
    bank, queries = generator.normal(size=(20, 8)), generator.normal(size=(6, 8))
    known = cosine_distances(queries, bank).min(axis=1)
    np.testing.assert_allclose(fitted(bank, metric="cosine").score_samples(queries), known, rtol=1e-9)
    np.testing.assert_allclose(fitted(bank, metric="cosine").score_samples(queries * 1e200), known, rtol=1e-9)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "whitened"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_are_the_same_bits_alone_and_in_any_batch_and_layout(metric, dtype):
    generator = np.random.default_rng(0)
    bank = fitted(made_embeddings(generator, 400, 96).astype(dtype), k=3, metric=metric)
    queries = np.concatenate([made_embeddings(generator, 60, 96).astype(dtype), bank.embeddings_[:3]])
    together = bank.score_samples(queries)
    alone = np.concatenate([bank.score_samples(one[None]) for one in queries])
    halves = np.concatenate([bank.score_samples(part) for part in (queries[:31], queries[31:])])
    for other in (alone, halves, bank.score_samples(np.asfortranarray(queries))):
        np.testing.assert_array_equal(other, together)


@pytest.mark.parametrize("options", [{"metric": "cosine"}, {"metric": "whitened"}, {"density_neighbours": 2, "k": 2}])
def test_separate_bands_are_the_mean_over_banks_of_one_band(options):
    """For cosine distances and band-wise means this is BEAM."""
    generator = np.random.default_rng(0)
    embeddings, queries = made_embeddings(generator, 15, 8 * 3), made_embeddings(generator, 6, 8 * 3)
    bands = [slice(3 * band, 3 * band + 3) for band in range(8)]
    banks = [fitted(embeddings[:, band], **options) for band in bands]
    bank = fitted(embeddings, bands="separate", **options)
    direct = np.mean([one.score_samples(queries[:, band]) for one, band in zip(banks, bands, strict=True)], axis=0)
    np.testing.assert_allclose(bank.score_samples(queries), direct, rtol=1e-12)
    own = np.mean([one.leave_one_out_scores() for one in banks], axis=0)
    np.testing.assert_allclose(bank.leave_one_out_scores(), own, rtol=1e-12)
    apart = [one.distances_to_recorded(queries[:, band]) for one, band in zip(banks, bands, strict=True)]
    np.testing.assert_allclose(bank.distances_to_recorded(queries), np.mean(apart, axis=0), rtol=1e-12)


def test_bands_may_have_different_neighbours():
    """A query made of bands of two references is at no distance from either, band by band."""
    embeddings = made_embeddings(np.random.default_rng(0), 9, 16)
    query = np.concatenate([embeddings[2, :8], embeddings[5, 8:]])[None]
    assert fitted(embeddings, metric="cosine", bands="separate").score_samples(query)[0] == 0
    assert fitted(embeddings, metric="cosine").score_samples(query)[0] > 1e-4


def test_vectors_without_bands_are_refused():
    with pytest.raises(StridorError, match="13 values does not hold 8 frequency bands"):
        fitted(made_embeddings(np.random.default_rng(0), 5), bands="separate")
    zero_band = made_embeddings(np.random.default_rng(0), 5, 16)
    zero_band[3, 4:6] = 0
    with pytest.raises(StridorError, match=r"clip_0003\.wav is all zeros"):
        fitted(zero_band, metric="cosine", bands="separate")


def test_neighbours_name_the_nearest_clips_and_ties_come_by_name():
    bank = ReferenceBank().fit(
        [[3.0], [1.0], [-1.0], [1.0]],
        domains=["target", "source", "source", "target"],
        file_names=["d.wav", "c.wav", "b.wav", "a.wav"],
    )
    (near,) = bank.neighbours([[0.0]], 2)
    assert [(one.file_name, one.domain, one.distance) for one in near] == [
        ("a.wav", "target", 1.0),
        ("b.wav", "source", 1.0),
    ]
    assert [len(row) for row in bank.neighbours([[0.0], [9.0]], 99)] == [4, 4]
    assert bank.neighbours(np.empty((0, 1)), 2) == []


def test_neighbours_explain_the_score():
    generator = np.random.default_rng(0)
    bank, queries = fitted(made_embeddings(generator, 30), k=3), made_embeddings(generator, 4)
    for score, near in zip(bank.score_samples(queries), bank.neighbours(queries, 3), strict=True):
        assert score == pytest.approx(np.mean([one.distance for one in near]), rel=1e-15)


def test_no_queries_have_no_scores():
    assert fitted(np.eye(3)).score_samples(np.empty((0, 3))).shape == (0,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{"metric": "cosine"}, {"metric": "whitened", "shrinkage": 0.3},
    {"bands": "separate", "density_neighbours": 2, "density_mean": "geometric"}])  # fmt: skip
def test_saved_twice_gives_the_same_bytes_and_loads_back(tmp_path, dtype, options):
    generator = np.random.default_rng(0)
    bank = fitted(made_embeddings(generator, 11, 16).astype(dtype), k=2, **options)
    for folder in ("one", "two", "two"):
        bank.save(tmp_path / folder)
    loaded = ReferenceBank.load(tmp_path / "one")
    loaded.save(tmp_path / "again")
    for name in (EMBEDDINGS_FILE, DESCRIPTION_FILE):
        kept = (tmp_path / "one" / name).read_bytes()
        assert kept == (tmp_path / "two" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert loaded.params == bank.params
    assert (loaded.file_names_, loaded.domains_) == (bank.file_names_, bank.domains_)
    queries = made_embeddings(generator, 5, 16)
    np.testing.assert_array_equal(loaded.score_samples(queries), bank.score_samples(queries))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "one", "two"]


# A file that claims to hold a terabyte.
HUGE = (
    b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (100000000, 1000), }".ljust(127) + b"\n"
)


def rewritten(folder, **changed):
    """Change entries of a bank's description."""
    description = json.loads((folder / DESCRIPTION_FILE).read_text())
    (folder / DESCRIPTION_FILE).write_text(json.dumps(description | changed))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda folder: (folder / EMBEDDINGS_FILE).unlink(), "embeddings.npy is missing"),
        (lambda folder: (folder / DESCRIPTION_FILE).unlink(), "bank.json is missing"),
        (lambda folder: (folder / DESCRIPTION_FILE).write_text("{"), "not contain a readable bank"),
        (lambda folder: (folder / DESCRIPTION_FILE).write_text("{}"), "not contain a readable bank"),
        (lambda folder: (folder / DESCRIPTION_FILE).write_text("[]"), "not contain a readable bank"),
        (lambda folder: (folder / EMBEDDINGS_FILE).write_bytes(b""), "not contain a readable bank"),
        (lambda folder: (folder / EMBEDDINGS_FILE).write_bytes(b"PK\x03\x04"), "not contain a readable bank"),
        (
            lambda folder: np.savez((folder / EMBEDDINGS_FILE).open("wb"), other=np.eye(2)),
            "not contain a readable bank",
        ),
        (
            lambda folder: np.save(folder / EMBEDDINGS_FILE, np.array([{}], dtype=object)),
            "not contain a readable bank",
        ),
        (
            lambda folder: (folder / DESCRIPTION_FILE).write_text(
                json.dumps({"k": "1", "metric": "euclidean", "domains": [], "file_names": []})
            ),
            "3 embeddings, 0 domains",
        ),
        (lambda folder: rewritten(folder, domains=["source", "source", "trananin"]), "not contain a readable bank"),
        (lambda folder: rewritten(folder, file_names=["a", "b", 3]), "not contain a readable bank"),
        (lambda folder: rewritten(folder, k=[1]), "not contain a readable bank"),
        (lambda folder: (folder / EMBEDDINGS_FILE).write_bytes(HUGE), "not contain a readable bank"),
        (lambda folder: (folder / DESCRIPTION_FILE).write_text("[" * 10**5), "not contain a readable bank"),
        (lambda folder: (folder / DESCRIPTION_FILE).write_bytes(b"\xff"), "not contain a readable bank"),
    ],
)
def test_a_damaged_bank_is_an_error(tmp_path, spoil, complaint):
    fitted(np.eye(3)).save(tmp_path / "bank")
    spoil(tmp_path / "bank")
    with pytest.raises(StridorError, match=complaint):
        ReferenceBank.load(tmp_path / "bank")


@pytest.mark.parametrize(
    ("embeddings", "k", "metric", "complaint"),
    [
        (np.empty((0, 3)), 1, "euclidean", "holds 0 reference clips, too few for k = 1"),
        (np.ones((1, 3)), 1, "euclidean", "holds 1 reference clips, too few for k = 1"),
        (np.ones((4, 3)), 4, "euclidean", "holds 4 reference clips, too few for k = 4; record at least 5"),
        (np.ones((4, 3)), 9, "euclidean", "too few for k = 9"),
        (np.ones(4), 1, "euclidean", r"shape \(4,\)"),
        (np.ones((4, 0)), 1, "euclidean", r"shape \(4, 0\)"),
        (np.array([[1.0], [np.nan], [1.0]]), 1, "euclidean", "clip_0001.wav is not finite"),
        (np.array([[1.0], [1.0], [np.inf]]), 1, "euclidean", "clip_0002.wav is not finite"),
        (np.array([[1.0], [0.0], [1.0]]), 1, "cosine", "clip_0001.wav is all zeros"),
        (np.eye(2), 1, "whitened", "holds 2 reference clips, too few for metric = whitened; record at least 3"),
        (np.ones((4, 3)), 1, "whitened", "copies of each other, so they have no covariance"),
    ],
)
def test_impossible_references_are_refused(embeddings, k, metric, complaint):
    with pytest.raises(StridorError, match=complaint):
        fitted(embeddings, k, metric)


def test_references_without_names_are_refused():
    with pytest.raises(StridorError, match="3 embeddings, 3 domains and 2 file names"):
        ReferenceBank().fit(np.eye(3), ["source"] * 3, ["a.wav", "b.wav"])


@pytest.mark.parametrize(
    ("queries", "complaint"),
    [
        (np.ones((2, 4)), "4 values per clip but the bank's references 3"),
        (np.ones(3), r"shape \(3,\)"),
        (np.array([[1.0, 1, 1], [1, np.nan, 1]]), "query 1 is not finite"),
        (np.zeros((1, 3)), "query 0 is all zeros"),
    ],
)
def test_impossible_queries_are_refused(queries, complaint):
    bank = fitted(np.eye(3), metric="cosine")
    for ask in (bank.score_samples, lambda rows: bank.neighbours(rows, 1)):
        with pytest.raises(StridorError, match=complaint):
            ask(queries)


@pytest.mark.parametrize(("value", "said"), [(1e200, r"holds a value beyond 1e\+150"), (np.nan, "is not finite")])
def test_a_saved_embedding_without_distances_is_told_by_folder_and_clip(tmp_path, value, said):
    ReferenceBank().fit(np.eye(3), ["source"] * 3, ["a", "b", "c"]).save(tmp_path / "bank")
    embeddings = np.eye(3)
    embeddings[1, 1] = value
    np.save(tmp_path / "bank" / EMBEDDINGS_FILE, embeddings)
    with pytest.raises(StridorError, match=f"bank does not contain a usable bank: .* reference clip b {said}"):
        ReferenceBank.load(tmp_path / "bank")
