"""The references of a bank, recorded and synthetic, and the distances that all scorers of them share."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stridor.common.errors import StridorError
from stridor.data.names import Domain
from stridor.params.scoring_sections import BankParams
from stridor.scoring.distances import distances
from stridor.scoring.neighbours import DistanceScorer
from stridor.scoring.smote import smote
from stridor.scoring.whitening import FEWEST_CLIPS, Whitening


class References:
    """Recorded and synthetic references.

    Parameters
    ----------
    embeddings : float64 [R x D]
        Of recorded clips, each with a distance (`unmeasurable`).
    domains : R str
    params : BankParams
        Its metric, with what belongs to it, and its share of synthetic references.

    Raises
    ------
    StridorError
        If the target clips are too few to make synthetic ones from, or the clips are too few or too alike to be
        whitened.
    """

    def __init__(self, embeddings: NDArray[np.float64], domains: Sequence[Domain], params: BankParams) -> None:
        synthetic, parents = smote(embeddings, domains, params.target_oversampling)
        own = np.arange(len(embeddings))
        self._params = params
        self._points = np.concatenate([embeddings, synthetic])
        synthetic_domains: list[Domain] = ["target"] * len(synthetic)
        self._domains = (*domains, *synthetic_domains)
        self._parents = np.concatenate([np.stack([own, own], axis=1), parents])
        self._whitening: Whitening | None = None
        if params.metric == "whitened":
            if len(embeddings) < FEWEST_CLIPS:
                raise StridorError(
                    f"The bank holds {len(embeddings)} reference clips, too few for metric = whitened; record at least "
                    f"{FEWEST_CLIPS} normal clips or set the parameter bank.metric to euclidean."
                )
            self._whitening = Whitening(embeddings, params.shrinkage)
            self._points = self._whitening.coordinates(self._points)

    def scorer(self, params: BankParams) -> DistanceScorer:
        """Return the scorer for these references; `params` must have the same metric and share as the references.

        Raises
        ------
        StridorError
            If references are too few for the parameters, in a domain or in all.
        """
        without = self._distances_without if self._whitening else None
        return DistanceScorer(params, lambda: self._between, self._domains, self._parents, without)

    def distances_from(self, queries: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distances of queries `[Q x D]` to all references, recorded ones first, float64 [Q x all]."""
        if self._whitening:
            return self._whitening.distances(self._whitening.coordinates(queries), self._points)
        return distances(queries, self._points, self._params.metric)

    def _distances_without(self, clip: int, of: NDArray[np.int64]) -> NDArray[np.float64]:
        assert self._whitening
        return self._whitening.without(clip)(self._points[of], self._points)

    @cached_property
    def _between(self) -> NDArray[np.float64]:
        if self._whitening:
            return self._whitening.distances(self._points, self._points)
        return self.distances_from(self._points)
