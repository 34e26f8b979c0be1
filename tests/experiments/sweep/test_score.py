"""Scores of a sweep against the bank that is served, and measures against the official ones."""

import itertools
from dataclasses import astuple

import numpy as np
import pytest

from made_sweeps import TEST_NAMES, made_vectors
from stridor.common.errors import StridorError
from stridor.evaluation.measures import measure
from stridor.experiments.sweep.grid import LITERAL, Combination
from stridor.experiments.sweep.score import measures, sweep_machine
from stridor.params.scoring_sections import BankParams
from stridor.scoring.bank import ReferenceBank

WAYS = ((-1, "mean"), (0, "bands"))
GRID = [
    LITERAL,
    *(
        Combination(*way, *rest)
        for way, *rest in itertools.product(
            WAYS, ("euclidean", "cosine", "whitened"), (1, 3), (0, 2), (0.0, 0.5), ("joint", "separate")
        )
        if (*way, *rest) != astuple(LITERAL)[: 2 + len(rest)]
    ),
    Combination(density_neighbours=2, density_mean="geometric"),
    Combination(0, "bands", "cosine", bands="separate"),
]


def test_every_combination_scores_as_its_bank_does():
    vectors = made_vectors(ways=WAYS, width=8)
    swept = sweep_machine(vectors, GRID)
    assert swept.scores.keys() == set(GRID)
    for one in GRID:
        way = one.layer, one.pooling
        bank = ReferenceBank(one.bank).fit(vectors.train[way], vectors.train_domains, vectors.train_names)
        by_name = dict(zip(TEST_NAMES, bank.score_samples(vectors.test[way]), strict=True))
        expected = [by_name[name] for name in swept.clips.file_names]
        np.testing.assert_array_equal(swept.scored(one).scores, expected)


def test_what_combinations_leave_open_is_the_banks():
    vectors, one = made_vectors(), Combination(metric="whitened")
    swept = [sweep_machine(vectors, [LITERAL, one], BankParams(shrinkage=share)).scores[one] for share in (0.1, 0.9)]
    assert not np.allclose(*swept)
    bank = ReferenceBank(BankParams(metric="whitened", shrinkage=0.9))
    bank.fit(vectors.train[-1, "mean"], vectors.train_domains, vectors.train_names)
    order = np.argsort(TEST_NAMES)
    np.testing.assert_array_equal(swept[1], bank.score_samples(vectors.test[-1, "mean"])[order])


def test_measures_are_the_official_ones():
    swept = sweep_machine(made_vectors(ways=WAYS, width=8), GRID)
    for one, values in zip(GRID, measures(swept, GRID), strict=True):
        official = measure(swept.scored(one))
        np.testing.assert_allclose(values, [official.auc_source, official.auc_target, official.pauc], rtol=1e-12)


def test_what_a_machine_has_too_few_clips_for_is_left_out_with_the_reason():
    alone = Combination(domains="separate")
    # Of one target clip no synthetic ones are made; that is possible.
    filled = Combination(target_oversampling=0.5)
    swept = sweep_machine(made_vectors(targets=1), [LITERAL, alone, filled])
    assert set(swept.scores) == {LITERAL, filled}
    assert "1 reference clips of the target domain" in swept.impossible[alone]
    with pytest.raises(StridorError, match=r"pump: The bank holds 1 reference clips, too few"):
        sweep_machine(made_vectors(sources=1, targets=0), [LITERAL])


def test_vectors_of_an_older_grid_are_named():
    with pytest.raises(StridorError, match=r"no vectors of layer 3 and pooling mean for the machine 'pump'"):
        sweep_machine(made_vectors(), [LITERAL, Combination(layer=3)])
