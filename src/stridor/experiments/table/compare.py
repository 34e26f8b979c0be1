"""Compare rows with the full method: totals, spread over seeds, intervals and paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stridor.common.errors import StridorError
from stridor.evaluation.bootstrap import Difference, Interval, difference_of, interval_of, resampled_totals
from stridor.evaluation.measures import MachineMeasures, measure, total_score
from stridor.experiments.table.cells import FULL
from stridor.experiments.table.rows import Row
from stridor.params.sections import EvaluationParams


@dataclass(frozen=True, eq=False)
class ComparedRow:
    """A row with its measures and its difference to the full method; all values in [0, 1].

    Attributes
    ----------
    machines : dict of str to MachineMeasures
        Means over the seeds.
    totals : tuple of float
        The official total for every seed.
    interval : Interval
        Of the mean of the totals, over resampled test clips; the resamples are the same for all seeds.
    to_full : Difference or None
        Mean of the totals minus that of the full method, on the same resamples; None for the full method.
    over_machines : Interval or None
        Of the same difference where machines are resampled as well as their clips.
    """

    row: Row
    machines: dict[str, MachineMeasures]
    totals: tuple[float, ...]
    interval: Interval
    to_full: Difference | None
    over_machines: Interval | None

    @property
    def total(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.totals))

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; None for a single seed."""
        return float(np.std(self.totals, ddof=1)) if len(self.totals) > 1 else None


def compare(rows: Sequence[Row], evaluation: EvaluationParams, seed: int) -> list[ComparedRow]:
    """Compare every row with the full method, which must be among the rows.

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
    resampled, over_machines = (
        {row.key: _resampled(row, evaluation, seed, machines) for row in rows} for machines in (False, True)
    )

    def to_full(row: Row, values: dict[str, NDArray[np.float64]]) -> Difference:
        gain = np.mean(totals[row.key]) - np.mean(totals[FULL])
        return difference_of(float(gain), values[row.key] - values[FULL], evaluation.confidence)

    return [
        ComparedRow(
            row,
            _mean_measures(row),
            totals[row.key],
            interval_of(resampled[row.key], evaluation.confidence),
            None if row.key == FULL else to_full(row, resampled),
            None if row.key == FULL else to_full(row, over_machines).interval,
        )
        for row in rows
    ]


def _require_same_clips(rows: Sequence[Row]) -> None:
    first = {clips.machine: clips.file_names for clips in rows[0].by_seed[0]}
    for row in rows:
        for scored in row.by_seed:
            if {clips.machine: clips.file_names for clips in scored} != first:
                raise StridorError(
                    f"'{row.name}' and '{rows[0].name}' were scored on different test clips; run 'make table' to "
                    "score again what is out of date."
                )


def _resampled(row: Row, evaluation: EvaluationParams, seed: int, machines: bool) -> NDArray[np.float64]:
    return np.mean([resampled_totals(scored, evaluation.bootstrap, seed, machines) for scored in row.by_seed], axis=0)


def _mean_measures(row: Row) -> dict[str, MachineMeasures]:
    by_seed = [{clips.machine: measure(clips) for clips in scored} for scored in row.by_seed]
    fields = MachineMeasures.__dataclass_fields__
    return {
        machine: MachineMeasures(*(float(np.mean([getattr(one[machine], name) for one in by_seed])) for name in fields))
        for machine in by_seed[0]
    }
