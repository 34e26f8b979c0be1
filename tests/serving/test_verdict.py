"""Verdicts in words, and rules for several windows."""

import pytest

from stridor.common.errors import StridorError
from stridor.serving.options import ScoringOptions, parse_alarm
from stridor.serving.verdict import Verdict, WindowScore, any_run_has, clock, share_in_words


@pytest.mark.parametrize(
    ("flagged", "count", "among", "expected"),
    [
        ([0, 0, 0], 1, 1, False), ([0, 1, 0], 1, 1, True), ([1, 0, 1, 0, 1], 2, 2, False),
        ([1, 0, 1, 0, 1], 2, 3, True),
        ([1, 1, 0, 0, 1, 1], 3, 4, False), ([1, 1, 0, 0, 1, 1], 3, 5, True), ([1, 1], 2, 5, True), ([1], 2, 3, False),
        ([], 1, 1, False),
    ],
)  # fmt: skip
def test_k_of_n_windows_in_a_row(flagged, count, among, expected):
    assert any_run_has(flagged, count, among) is expected


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00.0"), (59.96, "1:00.0"), (200.04, "3:20.0"), (3723.5, "1:02:03.5")]
)
def test_times_in_a_recording(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"), [(1, "about 100 in 100"), (0.0095, "about 1 in 100"), (0.0094, "about 9 in 1,000")]
)
def test_shares(share, text):
    assert share_in_words(share) == text


def verdict(p_value, clips=50, condition="target", windows=(), worst=0.0):
    return Verdict("a.wav", "pump", 0.4, 0.3, True, "n.wav", p_value, condition, clips, windows, worst)


def test_words_say_by_which_clips():
    assert verdict(2 / 51).oddness() == "about 4 in 100 normal clips sound this odd, by 50 clips of target"
    assert verdict(1 / 51).oddness().endswith("by 50 clips of target")
    assert verdict(0.001).oddness().endswith("by the curve fitted to 50 clips of target, none of which does")
    assert verdict(0.1, condition="all").oddness().endswith("by 50 clips")
    assert verdict(0.1, clips=0, condition="all").oddness() == "about 10 in 100 normal clips sound this odd"


def test_a_long_recording_says_where():
    windows = (
        WindowScore(0, 10, 0.1, 0.3, 0.5),
        WindowScore(10, 10, 0.4, 0.3, 0.01),
        WindowScore(20, 13, 0.5, 0.6, 0.3),
    )
    found = verdict(0.01, windows=windows, worst=12.0)
    assert (found.oddest_start, found.seconds) == (10, 33)
    assert "score 0.4 at 0:12.0 of 0:33.0, threshold 0.3" in found.text()
    assert (verdict(0.01).oddest_start, verdict(0.01).seconds) == (0, 0)


def test_a_clip_says_where_if_that_is_known():
    assert " at " not in verdict(0.01, windows=(WindowScore(0, 10, 0.4, 0.3, 0.01),)).text()
    assert " at 0:07.0 of 0:10.0," in verdict(0.01, windows=(WindowScore(0, 10, 0.4, 0.3, 0.01),), worst=7.0).text()


@pytest.mark.parametrize("text", ["", "3", "3/", "a/b", "3/5/7", "-1/2", "1.5/2"])
def test_alarm_rules_that_are_none(text):
    with pytest.raises(StridorError, match="The alarm rule is"):
        parse_alarm(text)
    assert parse_alarm(" 3 / 5 ") == (3, 5)


@pytest.mark.parametrize("alarm", [(0, 1), (2, 1)])
def test_alarm_rules_that_cannot_be(alarm):
    with pytest.raises(StridorError, match=f"The alarm rule is {alarm[0]} of {alarm[1]}"):
        ScoringOptions(alarm=alarm)
