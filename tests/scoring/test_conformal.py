"""Conformal p-values against counts by hand, and promised rates against measured ones."""

import numpy as np
import pytest
from scipy.stats import binom, t

from stridor.params.scoring_sections import BankParams
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.conformal import NormalScores, of_conditions
from stridor.scoring.threshold import calibrate

NORMALS = np.random.default_rng(0).gamma(5.0, 0.2, 50)


@pytest.mark.parametrize("scores", [NORMALS, NORMALS - 3, np.round(NORMALS, 1)])
def test_up_to_the_largest_the_p_value_is_a_count(scores):
    found = NormalScores(scores)
    asked = np.concatenate([scores, scores + 0.01, [scores.min() - 1]])
    asked = asked[asked <= scores.max()]
    expected = [(1 + (scores >= one).sum()) / (len(scores) + 1) for one in asked]
    np.testing.assert_allclose(found.p_value(asked), expected)


@pytest.mark.parametrize(("scores", "fitted"), [(NORMALS, np.log), (NORMALS - 3, np.asarray)])
def test_beyond_it_is_the_prediction_interval_of_student(scores, fitted):
    found, logs = NormalScores(scores), fitted(scores)
    far = scores.max() + np.array([0.5, 1.0, 5.0])
    spread = logs.std(ddof=1) * np.sqrt(1 + 1 / 50)
    expected = t.sf((fitted(far) - logs.mean()) / spread, 49)
    np.testing.assert_allclose(found.p_value(far), np.minimum(1 / 51, expected))


@pytest.mark.parametrize("rate", [0.5, 0.3, 0.1, 1 / 51, 0.0196, 0.01, 1e-4])
@pytest.mark.parametrize("scores", [NORMALS, NORMALS - 3, NORMALS[:5], NORMALS[:10], np.round(NORMALS, 1)])
def test_p_values_above_the_threshold_are_within_the_rate_and_no_others(scores, rate):
    found = NormalScores(scores)
    threshold = found.threshold(rate)
    assert found.p_value(np.nextafter(threshold, np.inf) + 1e-9) <= rate + 1e-12
    assert found.p_value(threshold - 1e-6) > rate


def test_p_values_never_rise():
    for scores in (NORMALS, NORMALS - 3, NORMALS[:4]):
        p_values = NormalScores(scores).p_value(np.linspace(-5, 12, 2000))
        assert (np.diff(p_values) <= 0).all()
        assert p_values[0] == 1


def test_the_unit_of_the_scores_does_not_matter():
    found = NormalScores(NORMALS)
    for factor in (1e-200, 1e-6, 1e6, 1e200):
        scaled = NormalScores(NORMALS * factor)
        assert scaled.threshold(0.001) / factor == pytest.approx(found.threshold(0.001))


def test_copies_do_not_count():
    assert len(NormalScores([*NORMALS, 0.0, 1e-6])) == 50
    assert len(NormalScores([0.0, 0.0])) == 2
    assert len(NormalScores([*NORMALS - 3, 0.0])) == 51


def test_a_condition_of_few_clips_is_judged_by_all():
    scores = [3.0, 1.0, 2.0, 4.0, 9.0, 8.0]
    groups = of_conditions(scores, ["source"] * 4 + ["target"] * 2, 3)
    assert groups == {"source": (1, 2, 3, 4), "all": (1, 2, 3, 4, 8, 9)}
    groups = of_conditions(scores, ["source"] * 3 + ["target"] * 3, 3)
    assert groups == {"source": (1, 2, 3), "target": (4, 8, 9)}
    assert of_conditions([1.0], ["source"], 3) == {"all": (1.0,)}
    # Copies do not make a condition larger.
    groups = of_conditions([1.0, 2.0, 3.0, 0.0, 0.0, 5.0], ["source"] * 3 + ["target"] * 3, 3)
    assert set(groups) == {"source", "all"}


def draw(rng, domain, count):
    """Embeddings of a narrow condition and, elsewhere, of a wide one."""
    points = rng.standard_t(6, (count, 6))
    return points if domain == "source" else 2 * points + 1.5


@pytest.mark.parametrize(("metric", "oversampling"), [("euclidean", 0.0), ("cosine", 0.5)])
@pytest.mark.parametrize("targets", [5, 8, 20])
def test_exchangeable_clips_of_each_condition_keep_the_promise(metric, oversampling, targets):
    """Rates are averages over many detectors, as the promise is."""
    rng = np.random.default_rng(targets)
    params = BankParams(metric=metric, target_oversampling=oversampling)
    rates, repeats = (0.1, 0.02), 150
    flagged = {(rate, domain): 0 for rate in rates for domain in ("source", "target")}
    pooled = 0
    for _ in range(repeats):
        domains = ["source"] * 40 + ["target"] * targets
        embeddings = np.concatenate([draw(rng, "source", 40), draw(rng, "target", targets)])
        bank = ReferenceBank(params).fit(embeddings, domains, [f"{i}.wav" for i in range(len(domains))])
        calibration = calibrate(bank.leave_one_out_scores(), 90, domains)
        for domain in ("source", "target"):
            (score,) = bank.score_samples(draw(rng, domain, 1))
            pooled += domain == "target" and score > calibration.threshold
            for rate in rates:
                flagged[rate, domain] += score > calibration.threshold_for(rate)
    for (rate, _), count in flagged.items():
        # One new clip of each detector: these are independent, and more than so many have a chance of 1 in 10,000.
        assert count <= binom.isf(1e-4, repeats, rate)
    if metric == "euclidean" and targets < 20:
        # What this replaces: a curve through all clips together forgets the condition of few.
        assert pooled > binom.isf(1e-4, repeats, 0.1)


def test_a_condition_that_is_known_is_judged_by_its_own_clips():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.gamma(9, 0.1, 40), 3 * rng.gamma(9, 0.1, 10)])
    calibration = calibrate(scores, 90, ["source"] * 40 + ["target"] * 10)
    source, target = (calibration.threshold_for(0.05, domain) for domain in ("source", "target"))
    assert source < target == calibration.threshold_for(0.05)
    between = (source + target) / 2
    assert calibration.p_value(between, "source") <= 0.05 < calibration.p_value(between, "target")
    assert calibration.p_value(between) == calibration.p_value(between, "target")
    assert calibration.judged_by(between) == ("target", 10)
    assert calibration.support() == {"source": 40, "target": 10}
    assert calibration.support("source") == {"source": 40}


@pytest.mark.parametrize("clips", [2, 5, 40])
def test_the_tail_is_student_s_distribution(clips):
    values = np.random.default_rng(clips).lognormal(size=clips)
    logarithms = np.log(values)
    spread = logarithms.std(ddof=1) * np.sqrt(1 + 1 / clips)
    normals, scores = NormalScores(values), values.max() * np.array([1.5, 3, 10])
    expected = t.sf((np.log(scores) - logarithms.mean()) / spread, clips - 1)
    np.testing.assert_allclose(normals.p_value(scores), np.minimum(expected, 1 / (clips + 1)), rtol=1e-9)
    rare = 0.5 / (clips + 1)
    limit = np.exp(logarithms.mean() + spread * t.isf(rare, clips - 1))
    assert normals.threshold(rare) == pytest.approx(max(limit, values.max()), rel=1e-9)
