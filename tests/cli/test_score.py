"""`stridor score`: files, folders and long recordings, as a table, JSON and CSV, with the exit codes it promises."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from click.testing import CliRunner

from mlflow_project import wave
from stridor.cli.main import main
from tiny_model import write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a detector that learnt six humming clips of half a second."""
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two normal recordings, one of them deep, a long one with a roar, and what cannot be scored."""
    root = tmp_path_factory.mktemp("recordings")
    (root / "deep/.hidden").mkdir(parents=True)
    sf.write(root / "b.wav", wave(3, 7113, 300), 16000)
    sf.write(root / "deep/a.FLAC", wave(4, 7484, 300), 16000, format="FLAC")
    long = wave(5, 80_000, 300)
    long[40_000:56_000] = 0.5 * np.random.default_rng(0).standard_normal(16_000).clip(-1.9, 1.9)
    sf.write(root / "long.wav", long, 16000)
    (root / "broken.wav").write_bytes(b"RIFF")
    (root / "notes.txt").write_text("no audio")
    (root / "deep/.hidden/c.wav").write_bytes(b"RIFF")
    return root


def run(model, *arguments):
    return CliRunner().invoke(main, ["score", "--detector", str(model), *map(str, arguments)])


def test_a_folder_is_scored_and_what_cannot_be_is_listed_at_the_end(model, folder):
    done = run(model, folder)
    assert done.exit_code == 2
    head, *rows = done.stdout.splitlines()
    assert head.startswith("verdict")
    assert [row.split(", ")[0].split()[-1] for row in rows] == [
        str(folder / name) for name in ("b.wav", "long.wav", "deep/a.FLAC")
    ]
    assert rows[1].startswith("ANOMALOUS")
    assert "3 scored: 1 anomalous, 2 normal." in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"stridor: not scored: {folder / 'broken.wav'} is not readable")


def test_recordings_shorter_than_the_clips_that_were_learnt_are_counted(model, folder, tmp_path):
    sf.write(tmp_path / "short.wav", wave(6, 4000, 300), 16000)
    done = run(model, tmp_path / "short.wav", folder / "b.wav", folder / "long.wav")
    assert "1 of 3 last less than 0.7 of the" in done.stderr
    assert "last less than" not in run(model, folder / "b.wav").stderr


def test_exit_codes(model, folder):
    normal, long = folder / "b.wav", folder / "long.wav"
    assert run(model, normal, long).exit_code == 0
    assert run(model, normal, long, "--fail-on-anomaly").exit_code == 1
    assert run(model, normal, "--fail-on-anomaly").exit_code == 0
    assert run(model, long, folder / "broken.wav", "--fail-on-anomaly").exit_code == 2
    assert run(model, normal, folder / "missing.wav").exit_code == 2


def test_json_has_the_time_line_and_the_errors(model, folder):
    done = run(model, folder, "--json", "--false-alarm-rate", "0.1")
    lines = {Path(one["recording"]).name: one for one in map(json.loads, done.stdout.splitlines())}
    assert set(lines) == {"b.wav", "long.wav", "a.FLAC", "broken.wav"}
    assert set(lines["broken.wav"]) == {"recording", "error"}
    long = lines["long.wav"]
    assert [one["start_seconds"] for one in long["windows"]] == [0.5 * i for i in range(10)]
    scores = [one["score"] for one in long["windows"]]
    # The roar is from 2.5 s to 3.5 s, two windows.
    assert set(np.argsort(scores)[-2:]) == {5, 6}
    assert long["score"] == max(scores)
    assert long["worst_second"] in (2.5, 3.0)
    assert long["seconds"] == 5
    assert len(lines["b.wav"]["windows"]) == 1
    assert (long["condition"], long["clips"]) == ("source", 6)
    assert 0 < long["p_value"] < 0.1 < lines["b.wav"]["p_value"] <= 1


def test_csv_has_a_row_for_each_recording_or_window(model, folder):
    rows = list(csv.DictReader(io.StringIO(run(model, folder, "--csv").stdout)))
    assert [Path(row["recording"]).name for row in rows] == ["b.wav", "long.wav", "a.FLAC", "broken.wav"]
    assert [row["windows"] for row in rows] == ["1", "10", "1", ""]
    assert rows[3]["error"]
    rows = list(csv.DictReader(io.StringIO(run(model, folder / "long.wav", "--csv", "--timeline").stdout)))
    assert [float(row["start_seconds"]) for row in rows] == [0.5 * i for i in range(10)]
    assert {"False", "True"} == {row["flagged"] for row in rows}


def test_length_hop_and_alarm_rule(model, folder):
    def scored(*options):
        (line,) = run(model, folder / "long.wav", "--json", *options).stdout.splitlines()
        return json.loads(line)

    found = scored("--length", "2", "--hop", "1")
    assert [(one["start_seconds"], one["seconds"]) for one in found["windows"]] == [(0, 2), (1, 2), (2, 2), (3, 2)]
    assert scored("--alarm", "2/2")["anomalous"]
    assert not scored("--alarm", "3/3")["anomalous"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--alarm", "3"], "The alarm rule is '3'"),
        (["--alarm", "3/2"], "The alarm rule is 3 of 2"),
        (["--false-alarm-rate", "0"], "false-alarm rate is 0"),
        (["--false-alarm-rate", "nan"], "false-alarm rate is nan"),
        (["--length", "0.2"], "length of a window is 0.2 s"),
        (["--hop", "nan"], "hop between windows is nan s"),
        (["--length", "2", "--hop", "3"], "hop between windows is 3 s"),
        (["--machine", "fan"], "names the machine 'fan'"),
        (["--condition", "target"], "no condition 'target'; it knows source"),
    ],
)
def test_impossible_wishes_are_one_sentence(model, folder, options, complaint):
    done = run(model, folder / "b.wav", *options)
    assert done.exit_code == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert complaint in line


def test_the_promise_and_what_it_rests_on_are_said(model, folder):
    said = run(model, folder / "b.wav").stderr
    assert "about 2 in 100 normal clips of 0.5 s, which are 1.4e+02 an hour" in said
    assert "this rests on 6 clips of source" in said
    assert "6 clips of source support nothing rarer than 1 in 7" in said
    assert "by chance" not in said
    assert "support nothing rarer" not in run(model, folder / "b.wav", "--false-alarm-rate", "0.2").stderr
    assert "of normal recordings of 10 windows up to 20 in 100" in run(model, folder / "long.wav").stderr
    assert "by chance" not in run(model, folder / "long.wav", "--alarm", "2/3").stderr


def test_empty_folders_and_folders_of_only_unreadable_files(model, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    done = run(model, tmp_path / "empty", folder / "b.wav")
    assert done.exit_code == 2
    assert "empty contains no audio files" in done.stderr
    assert len(done.stdout.splitlines()) == 2
    (tmp_path / "empty/x.wav").write_bytes(b"")
    done = run(model, tmp_path / "empty")
    assert done.exit_code == 2
    assert "x.wav is not readable audio" in done.stderr


@pytest.mark.slow
def test_nobody_reads_on(model, folder, forked_python, monkeypatch):
    forked_python.replace(monkeypatch)
    code = "from stridor.cli.main import main; main()"
    command = [sys.executable, "-c", code, "score", "--detector", str(model), *[str(folder / "b.wav")] * 40]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("verdict")
        process.stdout.close()
        said = process.stderr.read()
    assert "Traceback" not in said
    assert "Broken pipe" not in said
    assert process.returncode in (0, 141)
