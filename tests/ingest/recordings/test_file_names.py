"""Odd names of recordings, clips and machines: they work, or are refused by name before anything is written."""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from escaped_names import unescape_name
from recordings import NAMES, PARAMS, content, write_machine, write_recording
from stridor.common.errors import StridorError
from stridor.data.manifest import build_manifest
from stridor.ingest.recordings import Cutting, import_folder
from stridor.params import read_params

ODD = [
    b"pump_\xe9\xe8.wav", "Größe & Maß (2).wav".encode(), b"two\nlines.wav", b"-rf.wav", b"a%20b.wav", b"#1.wav",
    "e\u0301.wav".encode(), "\u00e9.wav".encode(), "\U0001f527.wav".encode(), b"back\\slash.wav", b"'\"`$(x);.wav",
    b"x" * 251 + b".wav", b" lead.wav", b"a,b.wav", b"\x1b[31m.wav", b"wav.wav",
]  # fmt: skip


def write(folder, name):
    """Write a recording under a name that is any bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    # soundfile itself writes no such name.
    with tempfile.TemporaryDirectory() as elsewhere:
        write_recording(Path(elsewhere) / "a.wav", 1)
        shutil.move(Path(elsewhere) / "a.wav", os.fsdecode(os.fsencode(folder) + b"/" + name))


def test_recordings_under_any_name_come_in_and_the_table_gives_the_name_back(tmp_path, project):
    folder = tmp_path / "in" / "fan" / "normal"
    for name in ODD:
        write(folder, name)
    (tmp_path / "in" / os.fsdecode(b"notes_\xfc.txt")).write_text("x")
    write(tmp_path / "in" / os.fsdecode(b"other_\xfc"), b"a.wav")
    write(folder / os.fsdecode(b"tief_\xfc"), b"a.wav")
    report = import_folder(tmp_path / "in", project, cutting=Cutting(1))
    report.text().encode()
    assert all(line.isprintable() for line in report.text().splitlines())
    assert (report.files.cut, len(report.files.left_out)) == (len(ODD) + 1, 1)
    with (project / "data" / "fan" / "attributes_00.csv").open(encoding="utf-8", newline="") as table:
        origins = {os.fsencode(unescape_name(row["origin"])) for row in csv.DictReader(table)}
    assert origins == {b"normal/" + name for name in ODD} | {b"normal/tief_\xfc/a.wav"}
    (project / "reports" / "import_fan.md").read_text(encoding="utf-8")
    build_manifest(project / "data", ("fan",), project)


def test_a_project_in_a_folder_that_dvc_cannot_name_is_refused_before_anything_is_written(tmp_path, project):
    write_machine(tmp_path / "fan")
    root = tmp_path / os.fsdecode(b"pumps_\xe9") / "stridor"
    shutil.copytree(project, root)
    before = content(root)
    with pytest.raises(StridorError, match=r"path .*pumps_\\xe9/stridor is not UTF-8.*rename the folder"):
        import_folder(tmp_path / "fan", root)
    assert content(root) == before


@pytest.mark.parametrize("odd", [b"\xe9", b"a\nb", b"\x1b"])
def test_clips_keep_their_names_so_odd_ones_are_refused_by_name(tmp_path, project, odd):
    write_machine(tmp_path / "fan")
    first = tmp_path / "fan" / "train" / NAMES["train"][0]
    os.rename(os.fsencode(first), os.fsencode(first).replace(b"spd_1", b"spd_" + odd))
    before = content(project)
    with pytest.raises(StridorError, match=r"section_00_source_train_normal_0000_spd_") as refused:
        import_folder(tmp_path / "fan", project)
    assert str(refused.value).isprintable()
    assert content(project) == before


@pytest.mark.slow
def test_import_and_score_print_any_name_on_a_strict_output(tmp_path, project):
    source = tmp_path / os.fsdecode(b"parent_\xe9") / "fan"
    write(source / "normal", b"a_\xe9.wav")
    write(source / "normal", b"b.wav")
    (project / "data.dvc").unlink()
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    (project / ".dvc").rmdir()
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=project, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "stridor", "data", "import", os.fsencode(source), "--fresh"],
        cwd=project, env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"}, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"2 audio files were found" in done.stdout


@pytest.fixture
def real_project(tmp_path, forked_python, monkeypatch):
    """A project under git and DVC, which is forked, with the ignore file that every clone has."""
    forked_python.replace(monkeypatch)
    root = tmp_path / "project"
    root.mkdir()
    (root / "params.yaml").write_text(PARAMS)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=root, check=True)
    own = os.path.join(os.path.dirname(__file__), "..", "..", "..", ".dvcignore")
    with open(own) as ignored:
        (root / ".dvcignore").write_text(ignored.read())
    return root


@pytest.mark.slow
def test_machines_may_be_called_like_folders_words_and_numbers(tmp_path, real_project):
    names = ["1e3", "build", "checkpoints", "data", "downloads", "mlruns", "null", "yes"]
    for name in names:
        write_machine(tmp_path / "in" / name)
    import_folder(tmp_path / "in", real_project, fresh=True)
    detectors = read_params(real_project / "params.yaml").detectors
    assert {name: one.machines for name, one in detectors.items()} == {name: (name,) for name in names}
    assert f"nfiles: {6 * len(names)}" in (real_project / "data.dvc").read_text()
    import_folder(write_machine(tmp_path / "other" / "train"), real_project)
    assert f"nfiles: {6 * len(names) + 6}" in (real_project / "data.dvc").read_text()


@pytest.mark.parametrize("name", ["${x}", "a b", "fän", "-x", "__pycache__", "a.b", "x" * 101, "a\nb"])
def test_one_rule_for_the_names_of_machines(tmp_path, project, name):
    write_machine(tmp_path / "in" / name)
    before = content(project)
    with pytest.raises(StridorError, match="has the machine name") as refused:
        import_folder(tmp_path / "in", project)
    assert str(refused.value).isprintable()
    assert content(project) == before


def test_machines_that_differ_only_in_case_are_refused(tmp_path, project):
    for name in ("fan", "Fan"):
        write_machine(tmp_path / "in" / name)
    with pytest.raises(StridorError, match="would be the machines 'Fan' and 'fan'"):
        import_folder(tmp_path / "in", project)
    write_machine(tmp_path / "other" / "Pump")
    with pytest.raises(StridorError, match="'Pump' differs from 'pump' in data/ only by the case"):
        import_folder(tmp_path / "other", project)
