"""A watch scores every recording once, whenever it is killed, and tells of alarms and drift."""

import itertools
import os
import random
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from receiver import Receiver
from stridor.cli.main import main
from stridor.common.errors import StridorError
from stridor.operation.arrivals import Arrivals
from stridor.operation.journal import Journal, read_lines
from stridor.operation.watching import Rules, Watch
from stridor.serving.detector import Detector

TIMEOUT_S = 120


@pytest.fixture(scope="module")
def detector(model):
    return Detector.load(model)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def watched(detector, folder, tmp_path):
    """A function that has a new watch look into the folder once; returns the lines that it said."""

    def look(output="out.jsonl", **how):
        said = []
        with Journal(tmp_path / output) as journal:
            Watch(detector, "pump", Arrivals(folder, 0.0), journal, say=said.append, **how).step()
        return said

    return look


def lines(path, event="recording"):
    return [one for one in read_lines(path) if one["event"] == event]


def fill(folder, sound, odd):
    for number, one in enumerate(odd):
        os.utime(sound(folder / f"{number:02d}.wav", number, one), (1000 + number, 1000 + number))


def test_alarms_are_raised_by_k_of_n_and_once(watched, folder, sound, tmp_path):
    fill(folder, sound, [0, 1, 0, 1, 1, 1, 0, 0, 1, 1])
    said = watched(rules=Rules(alarm=(2, 3)))
    found = lines(tmp_path / "out.jsonl")
    assert [one["anomalous"] for one in found] == [bool(one) for one in (0, 1, 0, 1, 1, 1, 0, 0, 1, 1)]
    assert [one["alarm"] for one in found] == [bool(one) for one in (0, 0, 0, 1, 1, 1, 1, 0, 0, 1)]
    assert [one["file"] for one in found if one["raised"]] == ["03.wav", "09.wav"]
    assert [one.split(",")[0] for one in said] == ["ALARM: 2 of the last 3 recordings are anomalous (pump)"] * 2
    assert [one["number"] for one in found] == list(range(1, 11))
    assert found[0]["windows"][0]["condition"] == "source"


def test_a_watch_that_is_cut_off_anywhere_goes_on_where_it_was(watched, folder, sound, tmp_path):
    fill(folder, sound, [0, 1, 1, 0, 1])
    rules = Rules(alarm=(2, 2))
    watched(rules=rules)
    whole = (tmp_path / "out.jsonl").read_bytes()
    expected = [(one["file"], one["alarm"], one["raised"]) for one in lines(tmp_path / "out.jsonl")]
    rng = random.Random(0)
    for length in [0, *rng.sample(range(len(whole)), 8), len(whole)]:
        (tmp_path / "cut.jsonl").write_bytes(whole[:length])
        watched("cut.jsonl", rules=rules)
        again = [(one["file"], one["alarm"], one["raised"]) for one in lines(tmp_path / "cut.jsonl")]
        assert again == expected, length


def test_what_changed_is_scored_again_and_what_was_touched_is_not(watched, folder, sound, tmp_path):
    fill(folder, sound, [0, 0])
    watched()
    os.utime(folder / "00.wav")
    watched()
    assert len(lines(tmp_path / "out.jsonl")) == 2
    sound(folder / "01.wav", 7, odd=True)
    watched()
    assert [one["file"] for one in lines(tmp_path / "out.jsonl")] == ["00.wav", "01.wav", "01.wav"]
    (folder / "02.wav").write_bytes(b"RIFF")
    os.utime(folder / "02.wav", (0, 0))
    watched()
    watched()
    [*_, last] = lines(tmp_path / "out.jsonl")
    assert last["error"].startswith(f"{folder / '02.wav'} is not readable")
    assert len(lines(tmp_path / "out.jsonl")) == 4


def test_drift_is_reported_every_week(watched, folder, sound, tmp_path):
    start = datetime(2026, 3, 2, tzinfo=UTC)
    drawn = []

    def at(day, **how):
        return watched(clock=lambda: start + timedelta(days=day), draw=lambda *one: drawn.append(one), **how)

    fill(folder, sound, [0] * 3)
    assert at(0) == []
    assert at(6.9) == []
    [said] = at(7)
    assert said.startswith("source: too few recordings to tell (3 recordings, 6 normal clips)")
    assert at(7.1) == []
    [said] = at(14)
    assert said == "drift: nothing was scored that could tell"
    found = lines(tmp_path / "out.jsonl", "drift")
    assert [one["drifted"] for one in found] == [False, False]
    assert [path.name for _, path in drawn] == ["out_drift_2026-03-09.png"]


def test_another_file_or_folder_is_refused(watched, folder, tmp_path, detector):
    (tmp_path / "out.jsonl").write_text('{"event": "recording"}\n')
    with pytest.raises(StridorError, match="was not written by 'stridor watch'"):
        watched()
    os.rmdir(folder)
    with pytest.raises(StridorError, match="is not a folder"):
        watched("other.jsonl")


def test_the_command_scores_what_is_there_and_tells_a_webhook(model, folder, sound, tmp_path):
    fill(folder, sound, [0, 1])
    command = ["watch", str(folder), "--detector", str(model), "--once", "--settle", "0"]
    with Receiver().serving() as hook:
        done = CliRunner().invoke(main, [*command, "--webhook", hook.url])
        assert done.exit_code == 0, done.stderr
        sound(folder / "02.wav", 2, odd=True)
        again = CliRunner().invoke(main, [*command, "--events", "all"], env={"STRIDOR_WEBHOOK": hook.url})
    assert "ALARM: a recording is anomalous (pump), 01.wav" in done.stdout
    assert again.exit_code == 0, again.stderr
    assert [(one["event"], one["file"]) for one in hook.got] == [("alarm", "01.wav"), ("recording", "02.wav")]
    assert [one["file"] for one in lines(tmp_path / "in.jsonl")] == ["00.wav", "01.wav", "02.wav"]


def test_a_receiver_that_is_away_is_told_by_the_next_call(model, folder, sound, tmp_path):
    fill(folder, sound, [1])
    command = ["watch", str(folder), "--detector", str(model), "--once", "--settle", "0", "--webhook"]
    with Receiver().serving() as hook:
        url = hook.url
    done = CliRunner().invoke(main, [*command, url])
    assert done.exit_code == 0, done.stderr
    assert "webhook could not be told, which is tried again; what it has missed stays in" in done.stdout
    assert "webhook has not been told of 1 events, for the next call" in done.stderr
    with Receiver().serving() as hook:
        done = CliRunner().invoke(main, [*command, hook.url])
    assert [one["file"] for one in hook.got] == ["00.wav"]
    assert len(lines(tmp_path / "in.jsonl")) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--webhook", "mailto:me"], "--webhook is 'mailto:me'"),
        (["--keep", "none"], "--device, --recordings and --keep are of 'stridor watch microphone'"),
    ],
)
def test_options_that_do_not_fit_are_refused(model, folder, tmp_path, options, said):
    refused = CliRunner().invoke(main, ["watch", str(folder), "--detector", str(model), "--once", *options])
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert not (tmp_path / "in.jsonl").exists()


@pytest.mark.slow
def test_killed_at_any_moment_it_neither_loses_nor_repeats_a_file(model, folder, sound, tmp_path, forked_python):
    """By SIGKILL, while files keep appearing."""
    output, rng = tmp_path / "in.jsonl", random.Random(1)
    code = (
        "import os, sys; print(os.getpid(), flush=True); from stridor.cli.main import main\n"
        f"main(['watch', {str(folder)!r}, '--detector', {str(model)!r}, '--every', '0.05', '--settle', '0.1',"
        " '--alarm', '2/3', *sys.argv[1:]])"
    )
    names = [f"{number:02d}.wav" for number in range(20)]
    left = iter(names)
    for _ in range(5):
        watch = subprocess.Popen([forked_python.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        pid = int(watch.stdout.readline())
        before, deadline = _size(output), time.monotonic() + TIMEOUT_S
        for name in itertools.islice(left, 4):
            sound(folder / name, int(name[:2]), odd=int(name[:2]) % 5 < 2)
            time.sleep(rng.uniform(0, 0.05))
        while _size(output) == before:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.1))
        os.kill(pid, 9)
        watch.communicate(timeout=TIMEOUT_S)
    done = subprocess.run([forked_python.executable, "-c", code, "--once"], capture_output=True, text=True,
                          timeout=TIMEOUT_S)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert Counter(one["file"] for one in lines(output)) == Counter(names)
    flags = [one["anomalous"] for one in lines(output)]
    assert {one["file"] for one in lines(output) if one["anomalous"]} == {n for n in names if int(n[:2]) % 5 < 2}
    for i, one in enumerate(lines(output)):
        assert one["alarm"] == (sum(flags[max(0, i - 2) : i + 1]) >= 2)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
