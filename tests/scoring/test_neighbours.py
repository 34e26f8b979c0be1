"""Options of the bank against plain loops over clips."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import gmean
from sklearn.covariance import shrunk_covariance
from sklearn.metrics.pairwise import cosine_distances, euclidean_distances
from sklearn.neighbors import LocalOutlierFactor

from stridor.common.errors import StridorError
from stridor.params.scoring_sections import BankParams
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.smote import smote

OPTIONS = [
    {"k": k, "metric": metric, "density_neighbours": near, "target_oversampling": share, "domains": domains}
    for k, metric, near, share, domains in itertools.product(
        (1, 3), ("euclidean", "cosine", "whitened"), (0, 1, 3), (0.0, 0.5), ("joint", "separate")
    )
] + [
    {"metric": metric, "density_neighbours": 3, "density_mean": "geometric", "target_oversampling": share}
    for metric, share in itertools.product(("cosine", "whitened"), (0.0, 0.5))
]


def made(sources: int = 13, targets: int = 6) -> tuple[np.ndarray, list[str]]:
    generator = np.random.default_rng(sources)
    embeddings = generator.normal(size=(sources + targets, 6))
    embeddings[sources:] += 1.5
    return embeddings, ["source"] * sources + ["target"] * targets


def fitted(embeddings: np.ndarray, of_clips: list[str], /, **options: object) -> ReferenceBank:
    names = [f"clip_{i:04}.wav" for i in range(len(embeddings))]
    return ReferenceBank(BankParams(**options)).fit(embeddings, of_clips, names)


def distances_of(params: BankParams, normals: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return the metric of a machine with these normal clips, in both domains."""
    if params.metric == "whitened":
        inverse = np.linalg.inv(shrunk_covariance(np.cov(normals.T), params.shrinkage))
        return lambda one, other: cdist(one, other, "mahalanobis", VI=inverse)
    return euclidean_distances if params.metric == "euclidean" else cosine_distances


def pool_score(
    query: np.ndarray, references: np.ndarray, recorded: np.ndarray, normals: np.ndarray, params: BankParams
) -> float:
    """Score one query against references, whose density is measured by the recorded ones."""
    metric = distances_of(params, normals)
    scores, between = metric(query[None], references)[0], metric(references, references)
    if params.density_neighbours:
        others = [
            np.sort(row[recorded & (np.arange(len(row)) != i)])[: params.density_neighbours]
            for i, row in enumerate(between)
        ]
        scores = scores / (gmean if params.density_mean == "geometric" else np.mean)(others, axis=1)
    return float(np.mean(np.sort(scores)[: params.k]))


class Direct:
    """The whole rule in loops: synthetic clips, pools, scales, and clips that are left out."""

    def __init__(self, embeddings: np.ndarray, domains: list[str], params: BankParams) -> None:
        self.params, self.real = params, embeddings
        synthetic, parents = smote(embeddings, domains, params.target_oversampling)
        self.all = np.concatenate([embeddings, synthetic])
        self.made_from = [{i} for i in range(len(embeddings))] + [set(pair) for pair in parents.tolist()]
        domains = np.array(domains + ["target"] * len(synthetic))
        self.pools = [domains == one for one in ("source", "target")]
        if params.domains == "joint":
            self.pools = [np.ones(len(domains), dtype=bool)]
        self.scales = [1.0]
        if params.domains == "separate":
            own = [[i for i in range(len(embeddings)) if pool[i]] for pool in self.pools]
            self.scales = [
                np.mean([self.of_pool(embeddings[i], pool, i) for i in who])
                for pool, who in zip(self.pools, own, strict=True)
            ]

    def of_pool(self, query: np.ndarray, pool: np.ndarray, without: int | None) -> float:
        kept = [inside and without not in made for inside, made in zip(pool, self.made_from, strict=True)]
        recorded = np.arange(len(self.all)) < len(self.real)
        normals = self.real if without is None else np.delete(self.real, without, axis=0)
        return pool_score(query, self.all[kept], recorded[kept], normals, self.params)

    def score(self, query: np.ndarray, without: int | None = None) -> float:
        return min(
            self.of_pool(query, pool, without) / scale for pool, scale in zip(self.pools, self.scales, strict=True)
        )


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())))
def test_scores_and_leave_one_out_scores_equal_plain_loops(options):
    embeddings, domains = made()
    queries = np.random.default_rng(1).normal(size=(5, 6)) + 1
    bank, direct = fitted(embeddings, domains, **options), Direct(embeddings, domains, BankParams(**options))
    scores = bank.score_samples(queries)
    np.testing.assert_allclose(scores, [direct.score(query) for query in queries], rtol=1e-9)
    own = [direct.score(one, without=i) for i, one in enumerate(embeddings)]
    np.testing.assert_allclose(bank.leave_one_out_scores(), own, rtol=1e-7)
    alone = np.concatenate([bank.score_samples(query[None]) for query in queries])
    np.testing.assert_array_equal(alone, scores)
    assert bank.score_samples(np.empty((0, 6))).shape == (0,)


def test_density_is_scikit_learns_mean_distance_to_the_nearest_others():
    embeddings, domains = made()
    factor = LocalOutlierFactor(n_neighbors=4).fit(embeddings)
    densities = factor.kneighbors(n_neighbors=4)[0].mean(axis=1)
    query = np.full((1, 6), 0.5)
    expected = (euclidean_distances(query, embeddings)[0] / densities).min()
    assert fitted(embeddings, domains, density_neighbours=4).score_samples(query)[0] == pytest.approx(expected)


def test_a_sparse_target_domain_scores_like_a_dense_source_domain():
    generator = np.random.default_rng(0)
    embeddings = np.concatenate([generator.normal(size=(40, 3)), 50 + 10 * generator.normal(size=(10, 3))])
    domains = ["source"] * 40 + ["target"] * 10
    queries = np.concatenate([generator.normal(size=(20, 3)), 50 + 10 * generator.normal(size=(20, 3))])
    for options in ({"density_neighbours": 2}, {"domains": "separate"}):
        plain = fitted(embeddings, domains).score_samples(queries)
        scores = fitted(embeddings, domains, **options).score_samples(queries)
        assert np.median(plain[20:]) > 5 * np.median(plain[:20])
        assert np.median(scores[20:]) < 2 * np.median(scores[:20])


def test_copies_do_not_push_everything_else_away():
    embeddings, domains = made()
    embeddings[1] = embeddings[0]
    bank = fitted(embeddings, domains, density_neighbours=2)
    assert np.isfinite(bank.leave_one_out_scores()).all()
    assert bank.score_samples(embeddings[:1]).tolist() == [0.0]


def test_neighbours_are_recorded_clips_only():
    embeddings, domains = made()
    bank = fitted(embeddings, domains, target_oversampling=0.5, density_neighbours=1, domains="separate")
    (near,) = bank.neighbours(embeddings[16:17], 99)
    assert {one.file_name for one in near} == set(bank.file_names_)
    assert near[0].file_name == "clip_0016.wav"


def test_options_are_kept_with_the_bank_and_score_the_same_after_loading(tmp_path):
    embeddings, domains = made()
    options = {"target_oversampling": 0.5, "density_neighbours": 2, "domains": "separate", "k": 2}
    bank = fitted(embeddings, domains, **options)
    bank.save(tmp_path / "one")
    loaded = ReferenceBank.load(tmp_path / "one")
    loaded.save(tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    np.testing.assert_array_equal(loaded.score_samples(embeddings), bank.score_samples(embeddings))
    np.testing.assert_array_equal(loaded.leave_one_out_scores(), bank.leave_one_out_scores())
    assert len(loaded.embeddings_) == len(embeddings)


@pytest.mark.parametrize(
    ("sources", "targets", "options", "complaint"),
    [
        (9, 0, {"domains": "separate"}, r"0 reference clips of the target domain, too few for k = 1.*domains to joint"),
        (9, 1, {"domains": "separate"}, r"1 reference clips of the target domain, too few for k = 1"),
        (9, 2, {"domains": "separate", "k": 2}, r"2 reference clips of the target domain, too few for k = 2"),
        (9, 2, {"domains": "separate", "density_neighbours": 1}, r"of the target domain, too few for density_neigh"),
        (3, 0, {"density_neighbours": 2}, r"3 reference clips, too few for density_neighbours = 2; record at least 4"),
    ],
)
def test_too_few_clips_are_named_in_one_sentence(sources, targets, options, complaint):
    embeddings, domains = made(sources, targets)
    with pytest.raises(StridorError, match=complaint):
        fitted(embeddings, domains, **options)


def test_two_target_clips_are_enough_for_a_pool_of_their_own():
    bank = fitted(*made(9, 2), domains="separate", target_oversampling=0.5)
    assert np.isfinite(bank.leave_one_out_scores()).all()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [({"domains": "separate"}, "copies of each other"), ({"density_neighbours": 2}, "are copies, and one has fewer")],
)
def test_copies_alone_have_no_scale(options, complaint):
    embeddings, domains = made()
    embeddings[13 if "domains" in options else 1 :] = 1.0
    with pytest.raises(StridorError, match=complaint):
        fitted(embeddings, domains, **options)
