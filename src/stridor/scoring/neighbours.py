"""Scores from distances: nearest normal clips, local density, and one pool of references or one per domain."""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stridor.common.errors import StridorError
from stridor.data.names import DOMAINS, Domain
from stridor.params.scoring_sections import BankParams

Without = Callable[[int, NDArray[np.int64]], NDArray[np.float64]]


class DistanceScorer:
    """The parameters of a bank applied to the references of one machine.

    The literal score is the mean distance to the k nearest normals. With `density_neighbours`, the distance to a
    reference is first divided by the reference's own mean distance to this number of nearest recorded references:
    Wilkinghoff et al., "Local density-based anomaly score normalization for domain generalization"
    (arXiv:2509.10951), where a sum replaces the mean. `density_mean: geometric` takes the mean of logarithms: of all
    values that could be subtracted from the logarithms of these distances, it leaves them the smallest variance about
    one common level for all references, our reading of the variance minimisation in log space that Wilkinghoff, Yadav,
    Tan (arXiv:2603.04605) score by. With `domains: separate`, each domain's references are
    a separate pool, a pool's score is divided by the mean leave-one-out score of its clips, and the lower one counts.

    Parameters
    ----------
    params : BankParams
    between : callable
        Computes the distances among the references, float64 [R x R]. The literal setting needs them only for the
        leave-one-out scores.
    domains : R str
    parents : int64 [R x 2]
        For a synthetic reference the two that it is made from, for any other its own index twice.
    without : callable, optional
        Where distances depend on the references: computes those of some references `[N]` to all, float64 [N x R], as
        they are without the recorded one whose index comes first.

    Raises
    ------
    StridorError
        If there are too few references, in a domain or in total, for the parameters.
    """

    def __init__(
        self,
        params: BankParams,
        between: Callable[[], NDArray[np.float64]],
        domains: Sequence[Domain],
        parents: NDArray[np.int64],
        without: Without | None = None,
    ) -> None:
        where, real = np.array(domains, dtype=object), parents[:, 0] == parents[:, 1]
        self._real = np.flatnonzero(real)
        if params.domains == "joint":
            self._pools = [_Pool(params, between, parents, np.arange(len(where)), "", without)]
            self._scales = np.ones(1)
            return
        self._pools = [
            _Pool(params, between, parents, np.flatnonzero(where == domain), f" of the {domain} domain", without)
            for domain in DOMAINS
        ]
        self._scales = np.array([
            pool.scores_without(np.flatnonzero(real & (where == domain))).mean()
            for domain, pool in zip(DOMAINS, self._pools, strict=True)
        ])  # fmt: skip
        if not self._scales.all():
            raise StridorError(
                "All reference clips of a domain are copies of each other, so its scores have no scale; record "
                "others or set the parameter bank.domains to joint."
            )

    def score(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score clips by their distances `[Q x R]` to all references; return float64 [Q]."""
        scores = [pool.score(distances) / scale for pool, scale in zip(self._pools, self._scales, strict=True)]
        return np.min(scores, axis=0)

    def leave_one_out(self) -> NDArray[np.float64]:
        """Score every recorded reference without itself and the synthetic ones made from it, float64 [N].

        A domain's scale remains that of all its clips, as a single clip has none.
        """
        own = np.stack([pool.scores_without(self._real) for pool in self._pools], axis=1)
        return (own / self._scales).min(axis=1)


class _Pool:
    """A set of references that queries are compared with."""

    def __init__(
        self,
        params: BankParams,
        between: Callable[[], NDArray[np.float64]],
        parents: NDArray[np.int64],
        members: NDArray[np.int64],
        whose: str,
        without: Without | None,
    ) -> None:
        self._k, self._near, self._whose, self._without = params.k, params.density_neighbours, whose, without
        self._in_log_space = params.density_mean == "geometric"
        self._between, self._members, self._parents = between, members, parents[members]
        _require(int((self._parents[:, 0] == self._parents[:, 1]).sum()), params, whose)
        self._ranked: NDArray[np.int64] | None = None
        if self._near:
            nearest = np.take_along_axis(self._apart, self._nearest(self._near), axis=1)
            self._densities = self._checked(self._mean(nearest))

    def score(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        distances = distances[:, self._members]
        return self._mean_of_nearest(distances / self._densities if self._near else distances)

    def scores_without(self, clips: NDArray[np.int64]) -> NDArray[np.float64]:
        """Score some references, each against the pool without itself and those made from it."""
        if self._without:
            return np.array([self._with_distances_without(clip, self._without) for clip in clips.tolist()])
        made_from = self._parents[self._parents[:, 0] != self._parents[:, 1]]
        alone = ~np.isin(clips, made_from)
        scores = np.empty(len(clips))
        scores[alone] = self._without_itself(clips[alone])
        scores[~alone] = [self._without_family(clip) for clip in clips[~alone]]
        return scores

    def _without_itself(self, clips: NDArray[np.int64]) -> NDArray[np.float64]:
        distances = self._from_all[clips]
        if self._near and len(clips):
            densities = np.tile(self._densities, (len(clips), 1))
            # Where the left-out clip is a neighbour of a reference, the next nearest one replaces it.
            row_of = np.full(len(self._between()), -1)
            row_of[clips] = np.arange(len(clips))
            order = self._nearest(self._near + 1)
            apart = np.take_along_axis(self._apart, order, axis=1)
            for rank in range(self._near):
                rows = row_of[self._members[order[:, rank]]]
                left = np.flatnonzero(rows >= 0)
                densities[rows[left], left] = self._mean(np.delete(apart[left], rank, axis=1))
            distances = distances / self._checked(densities)
        return self._mean_of_nearest(np.where(clips[:, None] == self._members, np.inf, distances))

    def _without_family(self, clip: int) -> float:
        out = (self._parents == clip).any(axis=1)
        row = self._from_all[clip, ~out]
        if self._near:
            # This number of nearest ones contains enough that remain, whichever are left out.
            order = self._nearest(self._near + int(out.sum()))
            # The stable sort moves the remaining ones to the front in ascending order.
            inside_first = np.argsort(out[order], axis=1, kind="stable")[:, : self._near]
            kept = np.take_along_axis(order, inside_first, axis=1)
            densities = self._mean(np.take_along_axis(self._apart, kept, axis=1))
            row = row / self._checked(densities[~out])
        return float(self._mean_of_nearest(row[None])[0])

    def _with_distances_without(self, clip: int, without: Without) -> float:
        inside = ~(self._parents == clip).any(axis=1)
        members = self._members[inside]
        if not self._near:
            return float(self._mean_of_nearest(without(clip, np.array([clip]))[:, members])[0])
        row, *among = without(clip, np.array([clip, *members]))[:, members]
        nearest = np.partition(_apart(np.array(among), self._parents[inside]), self._near - 1, axis=1)[:, : self._near]
        return float(self._mean_of_nearest((row / self._checked(self._mean(np.sort(nearest, axis=1))))[None])[0])

    @cached_property
    def _from_all(self) -> NDArray[np.float64]:
        return self._between()[:, self._members]

    @cached_property
    def _apart(self) -> NDArray[np.float64]:
        return _apart(self._from_all[self._members], self._parents)

    def _nearest(self, count: int) -> NDArray[np.int64]:
        """Return the indices of each member's nearest others, ascending, int64 [M x count]."""
        if self._ranked is None or self._ranked.shape[1] < count:
            some = np.argpartition(self._apart, min(count, len(self._apart)) - 1, axis=1)[:, :count]
            by_distance = np.argsort(np.take_along_axis(self._apart, some, axis=1), axis=1, kind="stable")
            self._ranked = np.take_along_axis(some, by_distance, axis=1)
        return self._ranked[:, :count]

    def _mean_of_nearest(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._k == 1:
            return distances.min(axis=1)
        # Ascending and in C order, so that a clip's sum does not depend on the batch.
        nearest = np.sort(np.partition(distances, self._k - 1, axis=1)[:, : self._k], axis=1)
        return np.ascontiguousarray(nearest).mean(axis=1)

    def _mean(self, nearest: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean distance to neighbours `[M x K]`, in the space that the parameters say, float64 [M]."""
        return np.asarray(np.exp(np.log(nearest).mean(axis=1)) if self._in_log_space else nearest.mean(axis=1))

    def _checked(self, densities: NDArray[np.float64]) -> NDArray[np.float64]:
        if not np.isfinite(densities).all():
            raise StridorError(
                f"Among the reference clips{self._whose} are copies, and one has fewer than {self._near} others that "
                "differ from it; remove the copies or lower the parameter bank.density_neighbours."
            )
        return densities


def _apart(among: NDArray[np.float64], parents: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the distances of references to recorded others, float64 [M x M].

    Copies and synthetic clips, which do not reflect the density of recordings, are at an infinite distance.
    """
    recorded = parents[:, 0] == parents[:, 1]
    return np.where((among > 0) & recorded, among, np.inf)


def _require(real: int, params: BankParams, whose: str) -> None:
    joint = " or set bank.domains to joint" if whose else ""
    if real <= params.k:
        raise StridorError(
            f"The bank holds {real} reference clips{whose}, too few for k = {params.k}; record at least {params.k + 1} "
            f"normal clips or lower the parameter bank.k{joint}."
        )
    # Without the left-out clip, every other one still needs this number of others.
    if params.density_neighbours and real < params.density_neighbours + 2:
        raise StridorError(
            f"The bank holds {real} reference clips{whose}, too few for density_neighbours = "
            f"{params.density_neighbours}; record at least {params.density_neighbours + 2} normal clips or lower the "
            f"parameter bank.density_neighbours{joint}."
        )
