"""`stridor score` on files of any name, where standard output takes plain ASCII only and refuses all else."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest
import soundfile as sf

from mlflow_project import wave
from tiny_model import write_model

ODD = [
    b"pump_\xe9\xe8.wav", "Größe & Maß (2).wav".encode(), b"two\nlines.wav", b"-rf.wav", b"--help", b"a%20b.wav",
    b"#1.wav", b"100%.wav", b"a&b;c.wav", "e\u0301.wav".encode(), "\u00e9.wav".encode(), "\U0001f527.wav".encode(),
    b"back\\slash.wav", b"'\"`$(x).wav", b"x" * 251 + b".wav", b" lead.wav", b"dot.", b"a,b.wav", b"\x1b[31mred.wav",
    b"tab\t.wav", b"models:", b"~x.wav", b"*.wav", b"\xff\xfe", "\u202egnp.wav".encode(),
]  # fmt: skip
# Every form of answer in one process, as starting one takes long.
CODE = """
import sys
from stridor.cli.main import main
for form in ([], ["--timeline"], ["--json"], ["--csv"]):
    try:
        main(["score", "--detector", sys.argv[1], *form, "--", *sys.argv[2:]], standalone_mode=False)
    except SystemExit as end:
        print("exit", end.code)
    print("=" * 40, flush=True)
"""
STRICT = {
    "LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0",
    "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a detector, and recordings under odd names in folders of odd names beside it."""
    root = write_model(tmp_path_factory.mktemp("odd"))
    encoded = io.BytesIO()
    sf.write(encoded, wave(3, 7113, 300), 16000, format="WAV")
    for name in ODD:
        (root / os.fsdecode(name)).write_bytes(encoded.getvalue())
    for name in (b"deep\n\xe9", b"empty_\xe9"):
        (root / os.fsdecode(name)).mkdir()
    (root / os.fsdecode(b"deep\n\xe9/\xe8.wav")).write_bytes(encoded.getvalue())
    (root / os.fsdecode(b"broken_\xe9\n.wav")).write_bytes(b"RIFF")
    return root


def score(folder, *names):
    command = [os.fsencode(sys.executable), b"-c", CODE.encode(), os.fsencode(folder), *names]
    done = subprocess.run(command, cwd=folder, env=STRICT, capture_output=True)
    stdout, stderr = done.stdout.decode("ascii"), done.stderr.decode("ascii")
    assert done.returncode == 0, stderr
    assert "Traceback" not in stderr
    return stdout.split("=" * 40 + "\n"), stderr.splitlines()


@pytest.mark.slow
def test_recordings_under_any_name_are_scored(folder):
    (table, timeline, lines, rows, _), notes = score(folder, *ODD)
    assert "exit" not in table
    assert len(table.splitlines()) == 1 + len(ODD)
    assert len(timeline.splitlines()) == 1 + 2 * len(ODD)
    assert all(line.isprintable() for line in [*table.splitlines(), *timeline.splitlines(), *notes])
    by_json = [json.loads(line) for line in lines.splitlines()]
    by_csv = list(csv.DictReader(io.StringIO(rows)))
    assert len(by_json) == len(by_csv) == len(ODD)
    # The sound is the same in all of them.
    assert [one["score"] for one in by_json] == pytest.approx([by_json[0]["score"]] * len(ODD), rel=0.01)
    assert len({one["recording"] for one in by_json}) == len(ODD)


@pytest.mark.slow
def test_what_cannot_be_scored_is_named_and_all_else_is_scored(folder):
    names = [b"missing_\xe9\n.wav", b"broken_\xe9\n.wav", b"empty_\xe9", b"x" * 300, b"deep\n\xe9", b"-rf.wav"]
    (table, _, lines, rows, _), notes = score(folder, *names)
    assert table.splitlines()[-1] == "exit 2"
    assert len(table.splitlines()) == 1 + 2 + 1
    assert all(line.isprintable() for line in notes)
    refused = [note for note in notes if note.startswith("stridor: not scored:")]
    assert len(refused) == 4 * 4
    for said in (r"missing_\xe9\n.wav is missing", r"broken_\xe9\n.wav is not readable", r"empty_\xe9 contains no"):
        assert any(said in note for note in refused), said
    by_json = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
    assert sum("score" in one for one in by_json) == 2
    assert sum("error" in one for one in by_json) == 4
    assert len([row for row in csv.DictReader(io.StringIO(rows)) if row["error"]]) == 4
