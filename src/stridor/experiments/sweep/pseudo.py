"""The pseudo-anomaly AUC of every combination on one machine: what could be known of them without any label."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stridor.experiments.sweep.grid import Combination
from stridor.experiments.sweep.score import scores_of
from stridor.experiments.sweep.vectors import MachineVectors
from stridor.params.scoring_sections import BankParams
from stridor.selection.pseudo_auc import FaultyClips, folds, mean_fault_auc


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
    for kept, held_out, derived in folds(clips, faulty, seed, vectors.machine):
        pools = {
            key: (known[kept], np.concatenate([known[held_out], vectors.faulty[key][derived]]))
            for key, known in vectors.train.items()
        }
        domains = [vectors.train_domains[i] for i in kept]
        for one, scores in scores_of(vectors, pools, domains, combinations, bank):
            if not isinstance(scores, str):
                normal[one][held_out], made[one][derived] = np.split(scores, [len(held_out)])
    return np.array([
        np.nan if np.isnan(normal[one]).any() else mean_fault_auc(normal[one], made[one], faulty)
        for one in combinations
    ])  # fmt: skip
