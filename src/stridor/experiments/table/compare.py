"""Compare rows with the full method: totals, spread over seeds, intervals and paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stridor.common.errors import StridorError
from stridor.evaluation.bootstrap import (
    Difference,
    Interval,
    ResampledTotals,
    difference_of,
    interval_of,
    resampled_totals,
)
from stridor.evaluation.measures import MachineMeasures, measure, total_score
from stridor.experiments.table.cells import FULL
from stridor.experiments.table.rows import Row
from stridor.params.sections import EvaluationParams
from stridor.stages.systems import JOINED


@dataclass(frozen=True)
class Gain:
    """The difference of a row to another one.

    Attributes
    ----------
    difference : Difference
        Mean of the totals minus that of the other row, on the same resamples of the test clips.
    over_machines : Interval
        Of the same difference where machines are resampled as well as their clips.
    """

    difference: Difference
    over_machines: Interval


@dataclass(frozen=True, eq=False)
class ComparedRow:
    """A row with its measures and its differences to others; all values in [0, 1].

    Attributes
    ----------
    machines : dict of str to MachineMeasures
        Means over the seeds.
    totals : tuple of float
        The official total for every seed.
    interval : Interval
        Of the mean of the totals, over resampled test clips; the resamples are the same for all seeds.
    to_full : Gain or None
        To the full method; None for the full method.
    to_joined : Gain or None
        To the joined views; None for these, and where no row is called so.
    """

    row: Row
    machines: dict[str, MachineMeasures]
    totals: tuple[float, ...]
    interval: Interval
    to_full: Gain | None
    to_joined: Gain | None

    @property
    def total(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.totals))

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; None for a single seed."""
        return float(np.std(self.totals, ddof=1)) if len(self.totals) > 1 else None


def compare(rows: Sequence[Row], evaluation: EvaluationParams, seed: int) -> list[ComparedRow]:
    """Compare every row with the full method, which must be among the rows, and with the joined views.

    Intervals cover the choice of test clips of the same machines, and those named so the choice of machines. They do
    not cover the choice of seeds, which the spread describes.

    Parameters
    ----------
    evaluation : EvaluationParams
        Number of resamples and confidence of the intervals.
    seed : int
        Of the resamples.

    Raises
    ------
    StridorError
        If rows were not scored on the same clips.
    """
    _require_same_clips(rows)
    totals = {row.key: tuple(total_score(map(measure, scored)) for scored in row.by_seed) for row in rows}
    resampled = {row.key: _resampled(row, evaluation, seed) for row in rows}

    def gain(key: str, other: str) -> Gain | None:
        if key == other or other not in totals:
            return None
        one, two = resampled[key], resampled[other]
        value = float(np.mean(totals[key]) - np.mean(totals[other]))
        return Gain(
            difference_of(value, one.clips - two.clips, evaluation.confidence),
            interval_of(one.machines - two.machines, evaluation.confidence),
        )

    compared = []
    for row in rows:
        interval = interval_of(resampled[row.key].clips, evaluation.confidence)
        gains = gain(row.key, FULL), gain(row.key, JOINED)
        compared.append(ComparedRow(row, _mean_measures(row), totals[row.key], interval, *gains))
    return compared


def _require_same_clips(rows: Sequence[Row]) -> None:
    first = {clips.machine: clips.file_names for clips in rows[0].by_seed[0]}
    for row in rows:
        for scored in row.by_seed:
            if {clips.machine: clips.file_names for clips in scored} != first:
                raise StridorError(
                    f"'{row.name}' and '{rows[0].name}' were scored on different test clips; run 'make table' to "
                    "score again what is out of date."
                )


def _resampled(row: Row, evaluation: EvaluationParams, seed: int) -> ResampledTotals:
    by_seed = [resampled_totals(scored, evaluation.bootstrap, seed) for scored in row.by_seed]
    return ResampledTotals(
        np.mean([one.clips for one in by_seed], axis=0), np.mean([one.machines for one in by_seed], axis=0)
    )


def _mean_measures(row: Row) -> dict[str, MachineMeasures]:
    by_seed = [{clips.machine: measure(clips) for clips in scored} for scored in row.by_seed]
    fields = MachineMeasures.__dataclass_fields__
    return {
        machine: MachineMeasures(*(float(np.mean([getattr(one[machine], name) for one in by_seed])) for name in fields))
        for machine in by_seed[0]
    }
