"""The references of a bank, recorded and synthetic, and the distances that all scorers of them share."""

from collections.abc import Sequence
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from stridor.common.errors import StridorError
from stridor.data.names import Domain
from stridor.params.scoring_sections import PATCHES, BandSearch, BankParams
from stridor.scoring.distances import distances, unmeasurable
from stridor.scoring.neighbours import DistanceScorer
from stridor.scoring.patches import nearest_patch_distances, patches_of
from stridor.scoring.smote import smote
from stridor.scoring.whitening import FEWEST_CLIPS, Whitening


class References:
    """The references of a bank, in parts that are searched each by itself.

    With `bands: separate` every frequency band of an embedding is a part with references of its own, and a clip's score
    is the mean of its scores by all parts: for band-wise means and the cosine distance BEAM of Saengthong, Shinozaki,
    "Sub-band spectral matching with localized score aggregation for robust anomalous sound detection"
    (arXiv:2603.13749). With `bands: patches` every patch of a clip is a part, whose distance to a normal clip is that
    to the nearest of its patches of the same band: a memory of patches as in PatchCore (Roth et al., CVPR 2022),
    without regard to time. Else there is one part.

    Parameters
    ----------
    embeddings : float64 [R x D]
        Of recorded clips, each with a distance (`unmeasurable`).
    domains : R str
    params : BankParams
        Its metric and bands, with what belongs to them, and its share of synthetic references.

    Raises
    ------
    StridorError
        If the target clips are too few to make synthetic ones from, the clips are too few or too alike to be whitened,
        or there are no bands.
    """

    def __init__(self, embeddings: NDArray[np.float64], domains: Sequence[Domain], params: BankParams) -> None:
        self._params = params
        self._memory: NDArray[np.float64] | None = None
        self._parts: Sequence[_Part | _Patch]
        if params.bands == "patches":
            self._memory = _patches(embeddings, params)
            self._parts = [_Patch(self, number, domains) for number in range(self._memory.shape[0] * PATCHES)]
        else:
            self._parts = [_Part(one, domains, params) for one in parts_of(embeddings, params.bands)]

    def scorer(self, params: BankParams) -> "PartsScorer":
        """Return the scorer for these references, as `_Part.scorer` for each part."""
        return PartsScorer([part.scorer(params) for part in self._parts])

    @cached_property
    def between_patches(self) -> NDArray[np.float64]:
        """The distances of the patches of every recorded reference to all references, [patches x R x R]."""
        assert self._memory is not None
        return nearest_patch_distances(self._memory, self._memory, self._params.metric)

    def distances_from(self, queries: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distances of queries `[Q x D]` to all references, recorded ones first, [parts x Q x all]."""
        if self._memory is not None:
            return nearest_patch_distances(_patches(queries, self._params), self._memory, self._params.metric)
        parts = cast(Sequence[_Part], self._parts)
        split = zip(parts, parts_of(queries, self._params.bands), strict=True)
        return np.stack([part.distances_from(one) for part, one in split])


class PartsScorer:
    """Means of the scores by several parts."""

    def __init__(self, parts: Sequence[DistanceScorer]) -> None:
        self._parts = parts

    def score(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score clips by their distances `[parts x Q x all references]`; return float64 [Q]."""
        scores = [part.score(one) for part, one in zip(self._parts, distances, strict=True)]
        return _means(scores)

    def leave_one_out(self) -> NDArray[np.float64]:
        """Score every recorded reference as `DistanceScorer.leave_one_out` does, float64 [R]."""
        return _means([part.leave_one_out() for part in self._parts])


def _means(scores: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return each clip's mean over the parts, summed in the same order whatever the number of clips."""
    return np.asarray(np.stack(scores, axis=1).mean(axis=1))


def _patches(embeddings: NDArray[np.float64], params: BankParams) -> NDArray[np.float64]:
    if params.metric == "whitened" or params.target_oversampling:
        raise StridorError(
            "Patches have no covariance to be whitened by, and no synthetic clips are made of them; set the parameter "
            "bank.metric to euclidean or cosine and bank.target_oversampling to 0, or bank.bands to joint."
        )
    # Loads PyTorch, as below.
    from stridor.models.encoder import BANDS

    return patches_of(embeddings, BANDS, PATCHES)


def parts_of(embeddings: NDArray[np.float64], bands: BandSearch) -> list[NDArray[np.float64]]:
    """Return the parts of embeddings `[N x D]` that are compared each by itself.

    Raises
    ------
    StridorError
        If the values cannot be those of one band after the other.
    """
    if bands == "joint":
        return [embeddings]
    # Loads PyTorch, which scoring with what ONNX Runtime embeds does without.
    from stridor.models.encoder import BANDS

    if embeddings.shape[1] % BANDS:
        raise StridorError(
            f"An embedding of {embeddings.shape[1]} values does not hold {BANDS} frequency bands; set the parameter "
            "embedding.pooling to bands or bank.bands to joint."
        )
    return [np.ascontiguousarray(part) for part in np.split(embeddings, BANDS, axis=1)]


def first_unmeasurable(embeddings: NDArray[np.float64], params: BankParams) -> tuple[int, str] | None:
    """Return the index of a row that has no distance in some part and the reason, or None if all rows have one."""
    if params.bands == "patches":
        parts = [one for band in _patches(embeddings, params) for one in band.transpose(1, 0, 2)]
    else:
        parts = parts_of(embeddings, params.bands)
    found = (unmeasurable(part, params.metric) for part in parts)
    return next((one for one in found if one), None)


class _Patch:
    """One patch of every recorded reference, for their leave-one-out scores."""

    def __init__(self, references: References, number: int, domains: Sequence[Domain]) -> None:
        self._references, self._number, self._domains = references, number, domains

    def scorer(self, params: BankParams) -> DistanceScorer:
        """Return the scorer for these references, as `_Part.scorer`."""
        own = np.arange(len(self._domains))
        parents = np.stack([own, own], axis=1)
        return DistanceScorer(params, lambda: self._references.between_patches[self._number], self._domains, parents)


class _Part:
    """Recorded and synthetic references that are searched together; see `References`, whose bands are split before."""

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
