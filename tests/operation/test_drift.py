"""Drift by ranks among the normal clips; the numbers are those of SciPy's two-sample test."""

import json
from datetime import UTC

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import ks_2samp

from stridor.cli.main import main
from stridor.common.errors import StridorError
from stridor.operation.drift import Result, drift_of, results_of
from stridor.operation.drift_figure import draw_drift
from stridor.scoring.conformal import NormalScores

N = 50


def results(normal, recent, condition="source", parts=1):
    """What a detector that learnt the scores `normal` says of recordings with the scores `recent`."""
    learnt = NormalScores(normal)
    p_values = learnt.p_value(recent).tolist()
    return [Result(str(i // parts), condition, len(learnt), p_value) for i, p_value in enumerate(p_values)]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("shift", [-1.0, 0.0, 0.3, 1.0])
def test_gap_and_p_value_are_those_of_the_two_sample_test(rng, shift):
    normal, recent = rng.lognormal(size=N), rng.lognormal(shift, size=130)
    [found] = drift_of(results(normal, recent)).conditions
    expected = ks_2samp(recent, normal, method="asymp")
    assert found.gap == pytest.approx(expected.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.odder == (expected.statistic_sign < 0)


def test_false_reports_are_as_rare_as_they_should_be_and_shifts_are_found(rng):
    level, trials = 0.05, 200
    false = sum(drift_of(results(rng.lognormal(size=N), rng.lognormal(size=200)), level).drifted for _ in range(trials))
    assert false <= level * trials + 3 * np.sqrt(level * trials)
    found = [drift_of(results(rng.lognormal(size=N), rng.lognormal(1.5, size=200))).drifted for _ in range(20)]
    assert all(found)


def test_parts_of_a_recording_count_as_one(rng):
    normal = rng.lognormal(size=N)
    # One long recording at an unusual load is no drift.
    [one] = drift_of(results(normal, rng.lognormal(2.0, size=300), parts=300)).conditions
    assert (one.recordings, one.p_value) == (1, 1.0)
    apart = drift_of(results(normal, rng.lognormal(0.5, size=200), parts=1)).conditions[0]
    together = drift_of(results(normal, rng.lognormal(0.5, size=200), parts=8)).conditions[0]
    assert together.recordings == 25
    assert together.p_value > apart.p_value


def test_what_is_said(rng):
    normal = rng.lognormal(size=N)
    fine, odd = rng.lognormal(size=100), rng.lognormal(2.0, size=100)
    found = drift_of([*results(normal, odd), *results(normal, fine, "target")])
    source, target = found.text().splitlines()
    assert source.startswith("source: DRIFTED: 9")
    assert "of the recordings are odder than the median normal clip" in source
    assert "stridor bank add" in source
    assert target.startswith("target: no drift: ")
    assert found.drifted
    less = drift_of(results(normal, np.full(60, normal.min())))
    assert "less odd than normal clips are of each other" in less.text()
    assert drift_of([]).text() == "drift: nothing was scored that could tell"


def test_lines_of_other_times_and_versions_do_not_count():
    def line(day, version, name):
        window = {"condition": "source", "clips": 9, "p_value": 0.5}
        return {"event": "recording", "time": f"2026-01-{day:02d}T00:00:00+00:00", "calibration": version,
                "recording": name, "windows": [window]}  # fmt: skip

    from datetime import datetime

    entries = [line(1, "old", "a"), line(2, "old", "b"), line(3, "new", "c"), line(4, "new", "d"), {"event": "told"}]
    assert [one.recording.strip() for one in results_of(entries)] == ["c", "d"]
    since = datetime(2026, 1, 4, tzinfo=UTC)
    assert [one.recording.strip() for one in results_of(entries, since)] == ["d"]
    assert [one.recording.strip() for one in results_of(entries, calibration="old")] == ["a", "b"]
    with pytest.raises(StridorError, match="written by an earlier version"):
        results_of([{"recording": "a", "windows": [{"p_value": 0.5}]}])


def test_one_condition_is_asked_for():
    def line(condition, p_value):
        window = {"condition": condition, "clips": 9, "p_value": p_value}
        return {"event": "recording", "recording": f"{condition} {p_value}", "windows": [window]}

    entries = [line("source", 0.5), line("target", 0.1), line("source", 0.6)]
    assert [one.p_value for one in results_of(entries, condition="source")] == [0.5, 0.6]
    assert [one.p_value for one in results_of(entries, condition="target")] == [0.1]
    with pytest.raises(StridorError, match="Nothing was judged by the condition 'target'; ask for source, or for all"):
        results_of(entries[:1], condition="target")
    assert results_of([], condition="target") == []


def test_the_figure_is_drawn(rng, tmp_path):
    normal = rng.lognormal(size=N)
    draw_drift(drift_of(results(normal, rng.lognormal(2.0, size=60))), tmp_path / "drift.png")
    assert (tmp_path / "drift.png").read_bytes()[:4] == b"\x89PNG"


def test_the_command_takes_a_folder_or_results(model, sound, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(24):
        sound(tmp_path / f"in/{number:02d}.wav", number, odd=True)
    arguments = ["drift", str(tmp_path / "in"), "--detector", str(model), "--figure", str(tmp_path / "drift.png")]
    done = CliRunner().invoke(main, [*arguments, "--fail-on-drift"])
    assert done.exit_code in (0, 1), done.stderr
    assert done.stdout.startswith("source: ")
    assert "100 % of the recordings are odder than the median normal clip" in done.stdout
    assert (done.exit_code == 1) == ("DRIFTED" in done.stdout)
    assert (tmp_path / "drift.png").exists()
    scored = CliRunner().invoke(main, ["score", str(tmp_path / "in"), "--detector", str(model), "--json"])
    (tmp_path / "results.jsonl").write_text(scored.stdout)
    assert json.loads(scored.stdout.splitlines()[0])["windows"][0]["condition"] == "source"
    again = CliRunner().invoke(main, ["drift", str(tmp_path / "results.jsonl")])
    assert again.stdout == done.stdout
    source = CliRunner().invoke(
        main, ["drift", str(tmp_path / "in"), "--detector", str(model), "--condition", "source"]
    )
    assert source.stdout == done.stdout
    for place in (["in", "--detector", str(model)], ["results.jsonl"]):
        none = CliRunner().invoke(main, ["drift", str(tmp_path / place[0]), *place[1:], "--condition", "target"])
        assert none.exit_code == 2
        assert "target" in none.stderr
    refused = CliRunner().invoke(main, ["drift", str(tmp_path / "in")])
    assert refused.exit_code == 2
    assert "name the detector" in refused.stderr
