"""How unusual a difference is, and its strongest places."""

import numpy as np
import pytest

from stridor.audio.fbank import mel_filters
from stridor.explanation.oddness import NormalOddness, band_of, lower_edge_hz


@pytest.fixture(scope="module")
def oddness():
    rng = np.random.default_rng(0)
    # The upper half of the bands varies three times as much.
    width = np.where(np.arange(128) < 64, 1.0, 3.0)
    return NormalOddness([rng.standard_normal((150 + i, 128)) * width for i in range(21)])


def blank():
    return np.zeros((160, 128), dtype=np.float32)


def test_a_typical_normal_clip_reaches_one(oddness):
    # The largest over louder and quieter at four scales is above the typical largest of each.
    assert 1.0 <= np.median(oddness.highest_) < 1.5
    rng = np.random.default_rng(9)
    width = np.where(np.arange(128) < 64, 1.0, 3.0)
    strength = oddness.strength(rng.standard_normal((150, 128)) * width)
    assert 0.8 < np.abs(strength).max() < 1.6


def test_places_have_second_frequency_sign_and_size(oddness):
    difference = blank()
    difference[40:60, 20:30] = 9.0
    difference[100:130, 50:60] = -7.0
    first, second, *others = oddness.places(oddness.strength(difference), difference)
    assert (first.start_seconds, first.end_seconds) == pytest.approx((0.40, 0.615), abs=0.06)
    assert (first.low_hz, first.high_hz) == pytest.approx((lower_edge_hz(20), lower_edge_hz(30)), rel=0.4)
    assert first.decibels > 4
    assert (second.start_seconds, second.end_seconds) == pytest.approx((1.00, 1.315), abs=0.06)
    assert second.decibels < -4
    assert (first.as_strong, first.clips) == (0, 21)
    assert not others


def test_the_same_difference_is_less_unusual_where_normal_clips_vary(oddness):
    steady, lively = blank(), blank()
    steady[40:52, 20:28] = lively[40:52, 90:98] = 4.0
    assert oddness.strength(steady).max() == pytest.approx(3 * oddness.strength(lively).max(), rel=0.2)


def test_a_clip_without_anything_has_one_weak_place(oddness):
    difference = 0.5 * np.random.default_rng(5).standard_normal((150, 128)).astype(np.float32)
    (only,) = oddness.places(oddness.strength(difference), difference)
    assert only.strength < 1
    assert only.as_strong > 15


def test_normal_clips_that_never_differ_are_no_division_by_zero():
    oddness = NormalOddness([blank()] * 4)
    difference = blank()
    difference[10:20, 10:20] = 1.0
    (place, *_) = oddness.places(oddness.strength(difference), difference)
    assert np.isfinite(place.strength)
    assert place.start_seconds <= 0.1 <= place.end_seconds


def test_bands_and_frequencies():
    centres = np.arange(257) * 16000 / 512
    filters = mel_filters().numpy()
    for band in (10, 40, 80, 120):
        loudest = centres[filters[:, band].argmax()]
        # A bin of the transform is 31 Hz wide.
        assert lower_edge_hz(band) - 32 <= loudest <= lower_edge_hz(band + 1) + 32
        assert band_of(lower_edge_hz(band)) == pytest.approx(band)
    assert 0 < lower_edge_hz(0) < 60
    assert 7800 < lower_edge_hz(128) < 8000
