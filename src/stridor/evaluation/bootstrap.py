"""Confidence intervals of the measures by percentile bootstrap over the test clips (Efron, 1979)."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stridor.common.errors import StridorError
from stridor.data.names import DOMAINS
from stridor.evaluation.measures import (
    MAX_FALSE_POSITIVE_RATE,
    ScoredClips,
    harmonic_mean,
    measure,
    require_every_stratum,
    total_score,
)
from stridor.evaluation.roc import roc_areas

VALUES_PER_BLOCK = 1_000_000


@dataclass(frozen=True)
class Interval:
    """The central interval of a measure's resampled values, 95 % of them unless another confidence was requested."""

    low: float
    high: float


@dataclass(frozen=True)
class MachineIntervals:
    """One interval for each measure of a machine."""

    auc_source: Interval
    auc_target: Interval
    pauc: Interval
    hmean: Interval


@dataclass(frozen=True)
class Intervals:
    """Intervals of every machine, by its name, and of the total."""

    machines: dict[str, MachineIntervals]
    total: Interval


@dataclass(frozen=True)
class Difference:
    """A second system's value minus the first's.

    Attributes
    ----------
    value : float
        On the clips without resampling.
    interval : Interval
        Of the difference; a gain is distinguishable from chance if the whole interval is above 0.
    """

    value: float
    interval: Interval


def bootstrap_intervals(
    machines: Sequence[ScoredClips], resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> Intervals:
    """Compute an interval for each measure of each machine and for the total.

    Clips are drawn with replacement within their domain and label. A machine's draws depend on the seed and
    its name, so its intervals do not depend on the other machines.

    Raises
    ------
    StridorError
        If there is no machine, a machine is given twice, or one lacks anomalies or normal clips of a domain.
    """
    _check_machines(machines)
    values = {clips.machine: _resampled(clips, resamples, seed) for clips in machines}
    return Intervals(
        machines={
            name: MachineIntervals(*(interval_of(column, confidence) for column in _with_hmean(each)))
            for name, each in values.items()
        },
        total=interval_of(_total(values), confidence),
    )


def bootstrap_difference(
    first: Sequence[ScoredClips],
    second: Sequence[ScoredClips],
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Compare the totals of two systems on the same resamples of the same clips.

    So the difficulty of the clips cancels out.

    Raises
    ------
    StridorError
        If the two did not score the same clips of the same machines, or as for `bootstrap_intervals`.
    """
    _check_machines(first)
    partners = {clips.machine: clips for clips in second}
    for clips in first:
        other = partners.get(clips.machine)
        if other is None or not len(first) == len(second) == len(partners) or not _same(clips, other):
            raise StridorError(
                f"{clips.machine}: two systems can be compared only on the same test clips of the same "
                "machines; score the same manifest with both."
            )
    before, after = (
        _total({one.machine: _resampled(one, resamples, seed) for one in each}) for each in (first, second)
    )
    gain = total_score(map(measure, second)) - total_score(map(measure, first))
    return difference_of(gain, after - before, confidence)


@dataclass(frozen=True, eq=False)
class ResampledTotals:
    """The total of every resample.

    Attributes
    ----------
    clips : float64 [resamples]
        Clips of the same machines are drawn.
    machines : float64 [resamples]
        As many machines as there are are drawn with replacement too, and for each draw clips of that machine: the
        totals vary as if other machines of the same kind had been recorded.
    """

    clips: NDArray[np.float64]
    machines: NDArray[np.float64]


def resampled_totals(machines: Sequence[ScoredClips], resamples: int = 1000, seed: int = 0) -> ResampledTotals:
    """Compute the total of every resample; the resamples are the same for any system on the same clips.

    Raises
    ------
    StridorError
        As for `bootstrap_intervals`.
    """
    _check_machines(machines)
    values = {clips.machine: _resampled(clips, resamples, seed) for clips in machines}
    return ResampledTotals(_total(values), _total_over_machines(values, seed))


def interval_of(values: NDArray[np.float64], confidence: float) -> Interval:
    """Return the central interval that contains the share `confidence` of resampled values, float64 [resamples]."""
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def difference_of(value: float, resampled: NDArray[np.float64], confidence: float) -> Difference:
    """Return a difference with the interval of its resampled values, float64 [resamples]."""
    return Difference(float(value), interval_of(resampled, confidence))


def draw_multiplicities(clips: ScoredClips, resamples: int, seed: int) -> NDArray[np.int64]:
    """Draw how often each resample contains each clip, keeping the size of every group of a domain and label.

    Returns
    -------
    int64 [resamples x N]
    """
    generator = np.random.default_rng([seed, zlib.crc32(clips.machine.encode())])
    multiplicities = np.zeros((resamples, len(clips.scores)), dtype=np.int64)
    for domain in DOMAINS:
        for anomalous in (False, True):
            group = np.flatnonzero(clips.in_domain(domain) & (clips.anomalous == anomalous))
            if not group.size:
                continue
            drawn = generator.integers(group.size, size=(resamples, group.size))
            # One histogram for all resamples, each with its own range of bins.
            drawn += group.size * np.arange(resamples)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=resamples * group.size)
            multiplicities[:, group] = counts.reshape(resamples, group.size)
    return multiplicities


def _resampled(clips: ScoredClips, resamples: int, seed: int) -> NDArray[np.float64]:
    """Return the three measures of every resample, float64 [3 x resamples]."""
    require_every_stratum(clips)
    multiplicities = draw_multiplicities(clips, resamples, seed)
    anomalous = clips.anomalous

    def areas(normal: NDArray[np.bool_], max_fpr: float | None = None) -> NDArray[np.float64]:
        # In blocks, to limit memory for thousands of clips.
        blocks = np.array_split(multiplicities, 1 + multiplicities.size // VALUES_PER_BLOCK)
        parts = [roc_areas(clips.scores, anomalous, normal, block, max_fpr) for block in blocks]
        return np.concatenate(parts)

    return np.stack(
        [
            *(areas(clips.in_domain(domain) & ~anomalous) for domain in DOMAINS),
            areas(~anomalous, MAX_FALSE_POSITIVE_RATE),
        ]
    )


def _with_hmean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack([values, harmonic_mean(values, axis=0)])


def _total(values: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    return harmonic_mean(np.concatenate(list(values.values())), axis=0)


def _total_over_machines(values: dict[str, NDArray[np.float64]], seed: int) -> NDArray[np.float64]:
    stacked = np.stack(list(values.values()))
    count, _, resamples = stacked.shape
    slots = np.arange(count)[:, None]
    drawn = np.random.default_rng([seed, count]).integers(count, size=(count, resamples))
    # A machine that is drawn twice has other clips each time: those of another resample.
    resample = (np.arange(resamples) + slots) % resamples
    return harmonic_mean(stacked[drawn, :, resample], axis=(0, 2))


def _check_machines(machines: Sequence[ScoredClips]) -> None:
    names = [clips.machine for clips in machines]
    if not names or len(set(names)) < len(names):
        given = ", ".join(names) or "none"
        raise StridorError(f"Intervals need the scored clips of one machine or more, each once; got {given}.")


def _same(clips: ScoredClips, other: ScoredClips) -> bool:
    return all(getattr(clips, what) == getattr(other, what) for what in ("file_names", "domains", "labels"))
