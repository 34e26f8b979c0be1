"""Pseudo-anomaly AUC of all combinations of a sweep against that of a single bank."""

from dataclasses import replace

import numpy as np
import pytest

from made_sweeps import made_vectors
from stridor.experiments.sweep.grid import LITERAL, Combination
from stridor.experiments.sweep.pseudo import pseudo_aucs
from stridor.params.scoring_sections import BankParams
from stridor.scoring.bank import ReferenceBank
from stridor.selection.pseudo_auc import FaultyClips, pseudo_auc

SEED = 3
WAYS = ((-1, "mean"), (0, "bands"))
GRID = [
    LITERAL, Combination(metric="whitened"), Combination(0, "bands", k=2, density_neighbours=1),
    Combination(0, "bands", domains="separate"), Combination(k=3, domains="separate"),
]  # fmt: skip


@pytest.fixture(scope="module")
def vectors():
    made = made_vectors(ways=WAYS, width=8)
    faulty = FaultyClips.plan(len(made.train_names), SEED, made.machine)
    generator = np.random.default_rng(0)
    shift = generator.normal(size=(len(faulty.faults), 8)).astype(np.float32)
    return replace(made, faulty={way: made.train[way][faulty.sources] + shift for way in WAYS})


def test_a_combination_has_the_value_of_its_bank(vectors):
    bank = BankParams(shrinkage=0.3)
    found = pseudo_aucs(vectors, GRID, bank, SEED)
    clips = len(vectors.train_names)
    faulty = FaultyClips.plan(clips, SEED, vectors.machine)
    domains, names = np.array(vectors.train_domains), np.array(vectors.train_names)
    for one, value in zip(GRID[:4], found, strict=False):
        train, made = (of[one.layer, one.pooling] for of in (vectors.train, vectors.faulty))
        params = one.bank.model_copy(update={"shrinkage": 0.3})

        def score(kept, held_out, derived, train=train, made=made, params=params):
            fitted = ReferenceBank(params).fit(train[kept], domains[kept].tolist(), names[kept].tolist())
            return fitted.score_samples(train[held_out]), fitted.score_samples(made[derived])

        assert value == pytest.approx(pseudo_auc(clips, faulty, score, SEED, vectors.machine), abs=1e-12)
    assert 0.5 < found[0] < 1


def test_what_four_fifths_of_the_clips_are_too_few_for_has_none(vectors):
    # Four of five target clips are no more than three when one of them is held out.
    found = pseudo_aucs(vectors, GRID, BankParams(), SEED)
    assert np.isnan(found).tolist() == [False, False, False, False, True]


def test_without_faulty_clips_there_is_none():
    assert np.isnan(pseudo_aucs(made_vectors(ways=WAYS), GRID, BankParams(), SEED)).all()


def test_a_faulty_clip_without_a_distance_makes_a_combination_impossible(vectors):
    broken = vectors.faulty[-1, "mean"].copy()
    broken[7] = np.nan
    found = pseudo_aucs(replace(vectors, faulty=vectors.faulty | {(-1, "mean"): broken}), GRID[:3], BankParams(), SEED)
    assert np.isnan(found).tolist() == [True, True, False]
