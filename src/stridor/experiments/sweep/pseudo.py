"""The pseudo-anomaly AUC of every combination on one machine: what could be known of them without any label."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stridor.experiments.sweep.grid import Combination
from stridor.experiments.sweep.score import scores_of
from stridor.experiments.sweep.vectors import MachineVectors
from stridor.params.scoring_sections import BankParams
from stridor.selection.pseudo_auc import FaultyClips, Fold, folds, mean_fault_auc


def pseudo_aucs(
    vectors: MachineVectors, combinations: Sequence[Combination], bank: BankParams, seed: int
) -> NDArray[np.float64]:
    """Compute the pseudo-anomaly AUC of combinations.

    Parameters
    ----------
    vectors : MachineVectors
        With faulty clips, as stage `pool` makes them.
    combinations : sequence of C Combination
    bank : BankParams
        What the combinations leave open.
    seed : int
        That of the faulty clips.

    Returns
    -------
    float64 [C], in [0, 1]
        NaN where there are no faulty clips, or a fifth less of the normal clips is too few for a combination.
    """
    unknown = np.full(len(combinations), np.nan)
    if not vectors.faulty:
        return unknown
    clips = len(vectors.train_names)
    faulty = FaultyClips.plan(clips, seed, vectors.machine)
    normal = {one: np.full(clips, np.nan) for one in combinations}
    made = {one: np.full(len(faulty.faults), np.nan) for one in combinations}
    for fold in folds(clips, faulty, seed, vectors.machine):
        for one, scores in scores_of(_of_fold(vectors, faulty, fold), combinations, bank):
            if not isinstance(scores, str):
                normal[one][fold.held_out], made[one][fold.derived] = np.split(scores, [len(fold.held_out)])
    return np.array([
        np.nan if np.isnan(normal[one]).any() else mean_fault_auc(normal[one], made[one], faulty)
        for one in combinations
    ])  # fmt: skip


def _of_fold(vectors: MachineVectors, faulty: FaultyClips, fold: Fold) -> MachineVectors:
    """Return the kept clips as those of the bank, and the held-out and faulty ones as test clips."""
    names = vectors.train_names
    changed = [f"{names[faulty.sources[i]]} with the fault '{faulty.faults[i]}'" for i in fold.derived]
    return MachineVectors(
        vectors.machine,
        tuple(names[i] for i in fold.kept),
        (*(names[i] for i in fold.held_out), *changed),
        {way: normal[fold.kept] for way, normal in vectors.train.items()},
        {way: np.r_[normal[fold.held_out], vectors.faulty[way][fold.derived]] for way, normal in vectors.train.items()},
    )
