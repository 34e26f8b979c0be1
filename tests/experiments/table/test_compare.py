"""Totals, intervals and differences of rows with known scores."""

import numpy as np
import pytest
from scipy.stats import hmean

from made_clips import gaussian_clips
from stridor.common.errors import StridorError
from stridor.evaluation.bootstrap import bootstrap_difference, bootstrap_intervals, interval_of, resampled_totals
from stridor.evaluation.measures import ScoredClips, measure, total_score
from stridor.experiments.table.compare import compare
from stridor.experiments.table.rows import Row
from stridor.params.sections import EvaluationParams

EVALUATION = EvaluationParams(bootstrap=200)
MACHINES = ("fan", "valve")


def scored(seed: int, quality: float, clips: int = 6) -> list[ScoredClips]:
    """Return clips of two machines whose anomalies stand out by `quality`."""
    generator = np.random.default_rng(seed)
    return [gaussian_clips(generator, quality, clips, machine) for machine in MACHINES]


FROZEN = Row("frozen", "frozen encoder", (scored(0, 1.0),))
FULL = Row("full", "full method", (scored(1, 2.0),))


def test_with_one_seed_all_values_equal_those_of_the_bootstrap():
    frozen, full = compare([FROZEN, FULL], EVALUATION, seed=5)
    for one, row in ((frozen, FROZEN), (full, FULL)):
        assert one.total == total_score(measure(clips) for clips in row.by_seed[0])
        assert one.interval == bootstrap_intervals(row.by_seed[0], 200, 0.95, 5).total
        assert one.spread is None
        assert one.machines == {clips.machine: measure(clips) for clips in row.by_seed[0]}
    assert full.to_full is None
    assert frozen.to_full.difference == bootstrap_difference(FULL.by_seed[0], FROZEN.by_seed[0], 200, 0.95, 5)


def test_seeds_are_averaged_within_a_resample():
    mask = Row("mask", "mask", (scored(2, 1.5), scored(3, 1.5), scored(4, 2.5)))
    full = Row("full", "full method", (scored(1, 2.0), scored(5, 2.0)))
    got, _ = compare([mask, full], EVALUATION, seed=0)
    totals = [hmean([v for clips in one for v in _three(clips)]) for one in mask.by_seed]
    assert got.totals == pytest.approx(totals)
    assert got.total == pytest.approx(np.mean(totals))
    assert got.spread == pytest.approx(np.std(totals, ddof=1))
    assert got.machines["fan"].pauc == pytest.approx(np.mean([measure(one[0]).pauc for one in mask.by_seed]))
    intervals = [bootstrap_intervals(one, 200, 0.95, 0).total for one in mask.by_seed]
    # Averaging leaves less luck than any one seed has.
    assert got.interval.high - got.interval.low < max(one.high - one.low for one in intervals)
    assert min(one.low for one in intervals) < got.interval.low < got.total < got.interval.high
    full_totals = [total_score(map(measure, one)) for one in full.by_seed]
    gain = got.to_full.difference
    assert gain.value == pytest.approx(np.mean(totals) - np.mean(full_totals))
    assert gain.interval.low < gain.value < gain.interval.high


def test_another_interval_is_over_machines_as_well():
    frozen, full = compare([FROZEN, FULL], EVALUATION, seed=5)
    assert full.to_full is None
    resampled = [resampled_totals(row.by_seed[0], 200, 5).machines for row in (FROZEN, FULL)]
    assert frozen.to_full.over_machines == interval_of(resampled[0] - resampled[1], 0.95)
    assert frozen.to_full.over_machines != frozen.to_full.difference.interval


def test_joined_views_are_another_row_to_compare_with():
    joined = Row("joined", "joined views", FROZEN.by_seed)
    assert all(one.to_joined is None for one in compare([FROZEN, FULL], EVALUATION, seed=5))
    full, last = compare([FULL, joined], EVALUATION, seed=5)
    assert full.to_full is last.to_joined is None
    assert full.to_joined.difference.value == -last.to_full.difference.value != 0


def test_the_same_scores_differ_by_nothing():
    twin = Row("twin", "twin", FULL.by_seed)
    (got, _) = compare([twin, FULL], EVALUATION, seed=0)
    gain = got.to_full.difference
    assert (gain.value, gain.interval.low, gain.interval.high) == (0, 0, 0)


def test_other_clips_are_refused():
    with pytest.raises(StridorError, match="'old' and 'full method' were scored on different test clips"):
        compare([FULL, Row("old", "old", (scored(0, 1.0, clips=5),))], EVALUATION, seed=0)


def _three(clips: ScoredClips) -> tuple[float, float, float]:
    values = measure(clips)
    return values.auc_source, values.auc_target, values.pauc
