"""The decision threshold against SciPy and against the share of normals that it lets through."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import gamma

from stridor.common.errors import StridorError
from stridor.scoring.threshold import Calibration, calibrate

NORMALS = np.random.default_rng(0).gamma(5.0, 0.2, 1000)


@pytest.mark.parametrize("percentile", [50.0, 90.0, 99.0])
def test_threshold_equals_scipys_fit(percentile):
    found = calibrate(NORMALS, percentile)
    known = gamma.ppf(percentile / 100, *gamma.fit(NORMALS, floc=0))
    assert found.threshold == pytest.approx(known, rel=1e-9)
    assert (found.loc, found.percentile) == (0.0, percentile)


def test_a_tenth_of_normal_clips_is_above_the_90th_percentile():
    unseen = np.random.default_rng(1).gamma(5.0, 0.2, 20000)
    assert calibrate(NORMALS).decide(unseen).mean() == pytest.approx(0.1, abs=0.015)


def test_a_calibration_that_kept_no_scores_reads_p_values_and_thresholds_from_the_gamma_distribution(tmp_path):
    """As one that an earlier version registered."""
    found = replace(calibrate(NORMALS, 90), normals={})
    old = {name: getattr(found, name) for name in ("shape", "loc", "scale", "percentile", "threshold")}
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert Calibration.load(tmp_path / "old.json") == found
    assert found.threshold_for(0.1) == pytest.approx(found.threshold)
    assert found.judged_by(1.0) == ("all", 0)
    assert found.support() == {}
    p_values = found.p_value([0.0, found.threshold, 1e9])
    assert p_values == pytest.approx([1.0, 0.1, 0.0], abs=1e-9)
    assert (np.diff(found.p_value(np.linspace(0.1, 9, 50))) < 0).all()
    assert found.p_value(found.threshold) == pytest.approx(0.1)


@pytest.mark.parametrize("factor", [1e-200, 1e-6, 1e6, 1e200])
def test_the_unit_of_the_scores_does_not_matter(factor):
    scaled = calibrate(NORMALS * factor).threshold / factor
    assert scaled == pytest.approx(calibrate(NORMALS).threshold, rel=1e-9)


def test_two_scores_are_enough():
    found = calibrate([1.0, 1.1])
    assert found.shape is not None
    assert 1.1 < found.threshold < 1.2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scores", [[3.0], [2.0, 2.0, 2.0], [0.0, 0.0], [0.0, 0.7], [1.0, 1.0 + 1e-9], [1e-9, 1.0]])
def test_scores_without_spread_are_their_own_threshold(scores):
    found = calibrate(scores)
    top = max(scores)
    assert (found.shape, found.scale, found.threshold, found.threshold_for(0.01)) == (None, None, top, top)
    assert found.decide([top, top + 1e-3]).tolist() == [0, 1]
    at_top, above = found.p_value([top, top + 1e-3])
    assert at_top > 0.6
    assert above == 0
    without = replace(found, normals={})
    assert without.p_value([top, top + 1e-3]).tolist() == [1.0, 0.0]
    assert without.threshold_for(0.01) == top


@pytest.mark.parametrize("spread", [1.1e-6, 1e-5, 1e-3])
@pytest.mark.parametrize("count", [2, 10, 1000])
def test_little_spread_breaks_no_fit(spread, count):
    scores = np.random.default_rng(count).normal(37, 37 * spread, count)
    threshold = calibrate(scores).threshold
    assert scores.mean() < threshold <= 37 * (1 + 4 * spread)


def test_copies_of_clips_do_not_widen_the_fit():
    found, with_copies = calibrate(NORMALS), calibrate([*NORMALS, *[0.0] * 100, *[1e-6] * 100])
    assert replace(with_copies, normals=found.normals) == found
    assert with_copies.threshold_for(1e-4) == found.threshold_for(1e-4)


@pytest.mark.parametrize("scores", [[], [1.0, np.nan], [np.inf, 1.0]])
def test_impossible_scores_are_refused(scores):
    with pytest.raises(StridorError, match=f"from {len(scores)} scores"):
        calibrate(scores)


def test_negative_scores_have_no_gamma_distribution_but_a_threshold():
    found = calibrate(NORMALS - 3, 90)
    assert found.shape is None
    assert found.threshold == found.threshold_for(0.1) == pytest.approx(np.sort(NORMALS)[-100] - 3)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(StridorError, match="between 0 and 1"):
        calibrate(NORMALS, false_alarm_rate=rate)
    with pytest.raises(StridorError, match="between 0 and 1"):
        calibrate(NORMALS).threshold_for(rate)


def test_an_unknown_condition_is_refused():
    with pytest.raises(StridorError, match="no condition 'target'; it knows source"):
        calibrate(NORMALS).p_value(1.0, "target")


@pytest.mark.parametrize("percentile", [0.0, 100.0, -5.0, float("nan")])
def test_impossible_percentiles_are_refused(percentile):
    with pytest.raises(StridorError, match="between 0 and 100"):
        calibrate(NORMALS, percentile)


@pytest.mark.parametrize("scores", [NORMALS, [2.0, 2.0]])
def test_saved_calibrations_load_back(tmp_path, scores):
    found = calibrate(scores, conditions=["source", "target"] * (len(scores) // 2), clip_seconds=10.0)
    found.save(tmp_path / "calibration.json")
    first = (tmp_path / "calibration.json").read_bytes()
    assert Calibration.load(tmp_path / "calibration.json") == found
    found.save(tmp_path / "calibration.json")
    assert (tmp_path / "calibration.json").read_bytes() == first


GOOD = {"shape": 2.0, "loc": 0.0, "scale": 1.0, "percentile": 90.0, "threshold": 3.0}


@pytest.mark.parametrize(
    "text",
    [
        "{", "{}", "[1]", '{"a": 1}', "null", "[" * 10**5,
        *(json.dumps(GOOD | bad) for bad in (
            {"threshold": [[1.0]]}, {"threshold": "3"}, {"threshold": None}, {"threshold": float("nan")},
            {"percentile": True}, {"scale": float("inf")}, {"shape": {}}, {"threshold": 10**400},
        )),
    ],
)  # fmt: skip
def test_damaged_calibrations_are_an_error(tmp_path, text):
    with pytest.raises(StridorError, match="is missing"):
        Calibration.load(tmp_path / "calibration.json")
    (tmp_path / "calibration.json").write_text(text)
    with pytest.raises(StridorError, match="not a calibration"):
        Calibration.load(tmp_path / "calibration.json")
