"""Intervals hold the true total as often as they promise, on scores from known distributions."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import binom, hmean, norm

from stridor.scoring.bootstrap import interval_of, resampled_totals
from stridor.scoring.measures import ScoredClips, measure, total_score

# Normal clips are N(0, 1) in the source and N(0.5, 1) in the target domain, anomalies of both N(d, 1).
SHIFT = 0.5
ANOMALIES = {"fan": 1.0, "valve": 1.6}
BETTER = 0.3
CLIPS, REPETITIONS, RESAMPLES = 15, 150, 150


def true_measures(d: float) -> tuple[float, float, float]:
    """Return AUC source and target in closed form and pAUC, standardised after McClish, by integration."""
    threshold = np.linspace(12, -8, 40_001)
    false, true = (norm.sf(threshold) + norm.sf(threshold - SHIFT)) / 2, norm.sf(threshold - d)
    inside = false < 0.1
    area = trapezoid(np.append(true[inside], np.interp(0.1, false, true)), np.append(false[inside], 0.1))
    return norm.cdf(d / 2**0.5), norm.cdf((d - SHIFT) / 2**0.5), (1 + (area - 0.005) / (0.1 - 0.005)) / 2


def true_total(better: float = 0.0) -> float:
    return hmean([value for d in ANOMALIES.values() for value in true_measures(d + better)])


def scored(noise: dict[str, np.ndarray], better: float = 0.0, clips: int = CLIPS) -> list[ScoredClips]:
    """Return every machine's clips with the scores of a system that is so much better."""
    made = []
    kinds = [(d, label) for d in ("source", "target") for label in ("normal", "anomaly") for _ in range(clips)]
    names = [f"section_00_{domain}_test_{label}_{i:05}.wav" for i, (domain, label) in enumerate(kinds)]
    domains, labels = [domain for domain, _ in kinds], [label for _, label in kinds]
    for machine, d in ANOMALIES.items():
        mean = [d + better if label == "anomaly" else SHIFT * (domain == "target") for domain, label in kinds]
        made.append(ScoredClips(machine, names, domains, labels, noise[machine] + mean))
    return made


@pytest.fixture(scope="module")
def simulated() -> list[tuple[np.ndarray, np.ndarray]]:
    """Resampled totals of two correlated systems, and again for other clips."""
    generator = np.random.default_rng(0)
    repetitions = []
    for repetition in range(REPETITIONS):
        first = {machine: generator.normal(size=4 * CLIPS) for machine in ANOMALIES}
        second = {machine: 0.7 * e + (1 - 0.49) ** 0.5 * generator.normal(size=e.shape) for machine, e in first.items()}
        systems = scored(first), scored(second, BETTER)
        repetitions.append(tuple(resampled_totals(one, RESAMPLES, repetition) for one in systems))
    return repetitions


def test_the_truth_is_what_many_clips_say():
    generator = np.random.default_rng(0)
    noise = {machine: generator.normal(size=4 * 5000) for machine in ANOMALIES}
    for better in (0.0, BETTER):
        many = scored(noise, better, clips=5000)
        assert total_score(map(measure, many)) == pytest.approx(true_total(better), abs=0.01)


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
