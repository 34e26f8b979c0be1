"""Figures come out as PNG files of one size, the same bytes whenever they are made."""

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes

from made_clips import clips_of_groups, gaussian_clips
from stridor.common.errors import StridorError
from stridor.evaluation.bootstrap import bootstrap_intervals
from stridor.evaluation.measures import measure
from stridor.evaluation.plots import Decisions, draw_histogram, draw_roc

CLIPS = gaussian_clips(np.random.default_rng(0), machine="Toy $Car_{1")
ONE_EACH = {("source", "normal"): [1.0], ("target", "normal"): [1.0], ("target", "anomaly"): [1.0 + 1e-15]}


def decided(clips, threshold):
    return Decisions(threshold, clips.scores > 2 * threshold)


def draw_both(folder, clips):
    intervals = bootstrap_intervals([clips], 100).machines[clips.machine]
    draw_roc(clips, measure(clips), folder / "roc.png", intervals)
    draw_histogram(clips, decided(clips, 1.0), folder / "histogram.png")
    return [(folder / name).read_bytes() for name in ("roc.png", "histogram.png")]


def size(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


@pytest.mark.filterwarnings("error")
def test_figures_are_the_same_bytes_under_any_settings(tmp_path):
    first = draw_both(tmp_path / "one", CLIPS)
    own = {"font.size": 30, "axes.grid": True, "savefig.dpi": 30, "savefig.bbox": "tight"}
    with matplotlib.rc_context(own):
        second = draw_both(tmp_path / "two", CLIPS)
        assert matplotlib.rcParams["font.size"] == 30
    assert first == second
    assert [size(png) for png in first] == [(900, 540), (900, 540)]
    assert b"matplotlib" not in first[0]
    assert {path.name for path in (tmp_path / "one").iterdir()} == {"roc.png", "histogram.png"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scores", [1.0, 0.0, 1e-300, 1e300])
def test_few_and_equal_scores_make_figures_too(tmp_path, scores):
    clips = clips_of_groups({group: [scores * one for one in values] for group, values in ONE_EACH.items()})
    draw_roc(clips, measure(clips), tmp_path / "roc.png")
    draw_histogram(clips, decided(clips, scores), tmp_path / "histogram.png")
    assert size((tmp_path / "histogram.png").read_bytes()) == (900, 540)


def test_a_group_without_clips_has_a_histogram_but_no_roc(tmp_path):
    clips = clips_of_groups({("source", "normal"): [1.0, 2.0]})
    draw_histogram(clips, decided(clips, 1.5), tmp_path / "histogram.png")
    with pytest.raises(StridorError, match="no anomalies"):
        draw_roc(clips, measure(CLIPS), tmp_path / "roc.png")
    assert [path.name for path in tmp_path.iterdir()] == ["histogram.png"]


def test_the_histogram_says_what_both_rules_flag(tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr(Axes, "set_title", lambda axes, text, **_: titles.append(text))
    scores = {("source", "normal"): [1, 5], ("target", "normal"): [1, 3, 5], ("source", "anomaly"): [3, 7, 9, 9]}
    clips = clips_of_groups(scores)
    draw_histogram(clips, Decisions(2.0, clips.scores > 4), tmp_path / "histogram.png")
    assert titles == [
        "normal source: of 2, 1 above the line, 1 flagged when served",
        "normal target: of 3, 2 above the line, 1 flagged when served",
        "anomalies: of 4, 4 above the line, 3 flagged when served",
    ]
