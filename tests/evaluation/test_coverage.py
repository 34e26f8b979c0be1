"""Totals and paired differences: their intervals hold the truth as often as they say, at the demo's group size."""

import numpy as np
import pytest
from scipy.stats import binom, hmean

from made_clips import gaussian_clips, true_measures
from stridor.evaluation.bootstrap import interval_of, resampled_totals
from stridor.evaluation.measures import ScoredClips, measure, total_score

SHIFTS = {"fan": 1.0, "valve": 1.6}
BETTER = 0.3
CLIPS, REPETITIONS, RESAMPLES = 15, 150, 150


def true_total(better: float = 0.0) -> float:
    return hmean([value for shift in SHIFTS.values() for value in true_measures(shift + better)])


def scored(generator: np.random.Generator, size: int = CLIPS) -> list[ScoredClips]:
    """Return every machine's clips with the scores of a system."""
    return [gaussian_clips(generator, shift, size, machine) for machine, shift in SHIFTS.items()]


def improved(first: list[ScoredClips], generator: np.random.Generator) -> list[ScoredClips]:
    """Return the same clips with the scores of a better system, which errs on much the same clips."""
    better = []
    for clips in first:
        mean = np.where(clips.anomalous, SHIFTS[clips.machine], 0.4 * clips.in_domain("target"))
        noise = 0.7 * (clips.scores - mean) + (1 - 0.7**2) ** 0.5 * generator.normal(size=mean.shape)
        scores = mean + BETTER * clips.anomalous + noise
        better.append(ScoredClips(clips.machine, clips.file_names, clips.domains, clips.labels, scores))
    return better


@pytest.fixture(scope="module")
def simulated() -> list[tuple[np.ndarray, np.ndarray]]:
    """Resampled totals of two correlated systems, and again for other clips."""
    generator = np.random.default_rng(0)
    repetitions = []
    for repetition in range(REPETITIONS):
        first = scored(generator)
        systems = first, improved(first, generator)
        repetitions.append(tuple(resampled_totals(one, RESAMPLES, repetition).clips for one in systems))
    return repetitions


def test_the_truth_is_what_many_clips_say():
    generator = np.random.default_rng(0)
    first = scored(generator, size=5000)
    for many, better in ((first, 0.0), (improved(first, generator), BETTER)):
        assert total_score(map(measure, many)) == pytest.approx(true_total(better), abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("confidence", [0.95, 0.6])
def test_intervals_of_totals_and_of_paired_differences_hold_the_truth_as_often_as_they_say(simulated, confidence):
    truths = (true_total(), true_total(BETTER) - true_total())
    held = np.zeros(2, dtype=int)
    for first, second in simulated:
        for place, values in enumerate((first, second - first)):
            interval = interval_of(values, confidence)
            held[place] += interval.low <= truths[place] <= interval.high
    # What chance allows in 1998 of 2000 simulations if the confidence is the true one.
    fewest, most = binom.ppf([0.0005, 0.9995], REPETITIONS, confidence)
    assert (fewest <= held).all()
    assert (held <= most).all()
