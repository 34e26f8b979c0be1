"""Synthetic target references for machines with few recordings of the target domain."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stridor.data.names import Domain
from stridor.data.needs import SMOTE_CLIPS
from stridor.scoring.distances import distances

# The number of neighbours in the paper and in imbalanced-learn.
NEIGHBOURS = 5


def smote(
    embeddings: NDArray[np.float64], domains: Sequence[Domain], share: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Add references to the target domain by SMOTE, up to a share of all references.

    Chawla, Bowyer, Hall, Kegelmeyer, "SMOTE: synthetic minority over-sampling technique" (JAIR 2002): a synthetic
    clip is a random point between a target clip and one of its 5 nearest target clips. The target clips are used in
    turn, and equal references give equal synthetic ones.

    Parameters
    ----------
    embeddings : float64 [R x D]
    domains : R str
    share : float in [0, 1)
        Share of target clips among all references afterwards; nothing is added if it is already reached, or if there
        are fewer than two target clips, which a synthetic one lies between.

    Returns
    -------
    synthetic : float64 [S x D]
    parents : int64 [S x 2]
        The two references that each synthetic one is made from.

    """
    targets = np.flatnonzero(np.array(domains, dtype=object) == "target")
    sources = len(domains) - len(targets)
    missing = max(round(share / (1 - share) * sources) - len(targets), 0)
    if not missing or len(targets) < SMOTE_CLIPS:
        return np.empty((0, embeddings.shape[1])), np.empty((0, 2), dtype=np.int64)
    among = distances(embeddings[targets], embeddings[targets], "euclidean")
    np.fill_diagonal(among, np.inf)
    nearest = np.argsort(among, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(targets) - 1)]
    draws = np.random.default_rng(0).random((missing, 2))
    first = np.arange(missing) % len(targets)
    second = nearest[first, (draws[:, 0] * nearest.shape[1]).astype(int)]
    parents = targets[np.stack([first, second], axis=1)]
    start, end = embeddings[parents[:, 0]], embeddings[parents[:, 1]]
    return start + draws[:, 1:] * (end - start), parents
