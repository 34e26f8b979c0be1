"""Bootstrap intervals: exact for each resample, and right about as often as they say."""

from dataclasses import astuple

import numpy as np
import pytest

from made_clips import clips_of_groups, gaussian_clips, true_measures
from stridor.common.errors import StridorError
from stridor.evaluation.bootstrap import (
    Difference,
    Interval,
    bootstrap_difference,
    bootstrap_intervals,
    draw_multiplicities,
    resampled_totals,
)
from stridor.evaluation.measures import ScoredClips, harmonic_mean, measure, total_score

FIELDS = ("auc_source", "auc_target", "pauc", "hmean")


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say():
    trials, shifts = 200, (0.5, 1.2)
    generator = np.random.default_rng(0)
    true = [[*true_measures(shift), float(harmonic_mean(true_measures(shift)))] for shift in shifts]
    true_total = harmonic_mean([values[:3] for values in true])
    held, total_held = np.zeros((len(shifts), len(FIELDS))), 0
    for trial in range(trials):
        machines = [gaussian_clips(generator, shift, machine=str(shift)) for shift in shifts]
        found = bootstrap_intervals(machines, resamples=300, seed=trial)
        for i, shift in enumerate(shifts):
            for j, field in enumerate(FIELDS):
                interval = getattr(found.machines[str(shift)], field)
                held[i, j] += interval.low <= true[i][j] <= interval.high
        total_held += found.total.low <= true_total <= found.total.high
    # 200 trials know a coverage of 0.95 to ± 0.03 (two standard errors); percentile intervals run short.
    coverage = held / trials
    assert coverage.min() > 0.87
    assert 0.92 < coverage.mean() < 0.98
    assert 0.89 < total_held / trials <= 1


@pytest.mark.slow
def test_intervals_equal_a_plain_loop_over_resampled_clips():
    clips = gaussian_clips(np.random.default_rng(1), size=13)
    values = []
    for counts in draw_multiplicities(clips, 150, seed=7):
        drawn = np.repeat(np.arange(len(counts)), counts)
        resampled = ScoredClips(
            clips.machine,
            [f"{i:05}" for i in range(len(drawn))],
            *([values[i] for i in drawn] for values in (clips.domains, clips.labels)),
            clips.scores[drawn],
        )
        once = measure(resampled)
        values.append([once.auc_source, once.auc_target, once.pauc, total_score([once])])
    found = bootstrap_intervals([clips], 150, confidence=0.8, seed=7).machines["made"]
    for field, column in zip(FIELDS, np.transpose(values), strict=True):
        assert astuple(getattr(found, field)) == pytest.approx(np.quantile(column, [0.1, 0.9]), abs=1e-12)


def test_draws_keep_the_size_of_every_group_and_are_uniform():
    clips = clips_of_groups(
        {("source", "normal"): range(5), ("target", "normal"): [1], ("target", "anomaly"): range(3)}
    )
    drawn = draw_multiplicities(clips, 4000, seed=0)
    for group in (np.s_[:, :5], np.s_[:, 5:6], np.s_[:, 6:]):
        size = drawn[group].shape[1]
        assert (drawn[group].sum(axis=1) == size).all()
        # Each count is binomial(size, 1 / size).
        np.testing.assert_allclose(drawn[group].mean(axis=0), 1, atol=0.07)
        np.testing.assert_allclose(drawn[group].var(axis=0), 1 - 1 / size, atol=0.1)


def test_machines_are_drawn_independently():
    generator = np.random.default_rng(0)
    machines = [gaussian_clips(generator, machine=name) for name in ("fan", "valve")]
    drawn = [draw_multiplicities(clips, 50, seed=0) for clips in machines]
    assert abs(np.corrcoef(drawn[0].ravel(), drawn[1].ravel())[0, 1]) < 0.05


def test_other_machines_and_the_order_of_clips_change_no_interval():
    generator = np.random.default_rng(2)
    one, other = (gaussian_clips(generator, machine=name, size=10) for name in ("fan", "valve"))
    order = generator.permutation(len(one.scores))
    shuffled = ScoredClips(
        "fan",
        *([values[i] for i in order] for values in (one.file_names, one.domains, one.labels)),
        one.scores[order],
    )
    alone = bootstrap_intervals([one], 200, seed=3)
    assert bootstrap_intervals([other, shuffled], 200, seed=3).machines["fan"] == alone.machines["fan"]
    assert bootstrap_intervals([one], 200, seed=4) != alone
    assert alone.total == alone.machines["fan"].hmean


def test_two_equal_systems_do_not_differ():
    clips = [gaussian_clips(np.random.default_rng(0), size=10)]
    assert bootstrap_difference(clips, clips, 200) == Difference(0.0, Interval(0.0, 0.0))


def test_a_paired_difference_is_narrower_than_two_separate_intervals_and_has_its_sign():
    generator = np.random.default_rng(0)
    first = gaussian_clips(generator, machine="fan")
    better = first.scores + 0.4 * first.anomalous + generator.normal(0, 0.1, len(first.scores))
    second = ScoredClips("fan", first.file_names, first.domains, first.labels, better)
    found = bootstrap_difference([first], [second], 500)
    assert found.value == pytest.approx(total_score([measure(second)]) - total_score([measure(first)]))
    assert found.interval.low <= found.value <= found.interval.high
    alone = bootstrap_intervals([first], 500).total
    assert found.interval.low > 0
    assert found.interval.high - found.interval.low < (alone.high - alone.low) / 2


def test_machines_are_drawn_and_each_draw_has_clips_of_its_own():
    generator = np.random.default_rng(0)
    machines = [gaussian_clips(generator, shift, 6, name) for shift, name in ((0.6, "fan"), (3.0, "valve"))]
    alone = [resampled_totals([clips], 400, seed=3).clips for clips in machines]
    both = resampled_totals(machines, 400, seed=3)
    which = np.random.default_rng([3, 2]).integers(2, size=(2, 400))
    for i, total in enumerate(both.machines):
        # The second draw has the clips of the next resample.
        assert total == pytest.approx(harmonic_mean([alone[which[0, i]][i], alone[which[1, i]][(i + 1) % 400]]))
    assert np.std(both.machines) > 2 * np.std(both.clips)


def test_of_a_single_machine_only_clips_are_drawn():
    clips = [gaussian_clips(np.random.default_rng(1), size=5)]
    both = resampled_totals(clips, 50, 7)
    assert (both.machines == both.clips).all()


@pytest.mark.filterwarnings("error")
def test_a_resample_with_an_auc_of_zero_gives_a_total_of_zero():
    upside_down = clips_of_groups(
        {("source", "normal"): [5, 6], ("target", "normal"): [0, 1], ("target", "anomaly"): [2, 3]}
    )
    found = bootstrap_intervals([upside_down], 100)
    assert found.machines["made"].auc_source == Interval(0.0, 0.0)
    assert found.total == Interval(0.0, 0.0)


def test_what_cannot_be_resampled_or_compared_is_refused():
    clips = gaussian_clips(np.random.default_rng(0), size=3)
    renamed = ScoredClips("other", clips.file_names, clips.domains, clips.labels, clips.scores)
    relabelled = ScoredClips("made", clips.file_names, clips.domains, clips.labels[::-1], clips.scores)
    for machines in ([], [clips, clips]):
        with pytest.raises(StridorError, match="each once"):
            bootstrap_intervals(machines)
    for second in ([], [renamed], [relabelled], [clips, clips], [clips, renamed]):
        with pytest.raises(StridorError, match="same test clips of the same machines"):
            bootstrap_difference([clips], second)
    with pytest.raises(StridorError, match="no anomalies"):
        bootstrap_intervals([clips_of_groups({("source", "normal"): [1], ("target", "normal"): [1]})])
