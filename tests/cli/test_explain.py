"""`stridor explain`: pages of files and folders, and one sentence for what cannot be explained."""

import subprocess
import sys

import pytest
import soundfile as sf
from click.testing import CliRunner

from mlflow_project import wave
from stridor.cli.main import main
from tiny_model import roaring, write_model_and_normals


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model_and_normals(tmp_path_factory.mktemp("model"), ["pump"])


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    """A folder with a normal recording, one with a roar, and one that is not audio."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "new"
    folder.mkdir()
    sf.write(folder / "fine.wav", wave(3, 7113, 300), 16000)
    sf.write(folder / "loud.wav", roaring(), 16000)
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


def run(model, *arguments, normals="normals"):
    options = ["--detector", str(model), *(["--normals", str(model / normals)] if normals else [])]
    return CliRunner().invoke(main, ["explain", *options, *map(str, arguments)])


def test_a_folder_gets_a_page_for_each_recording_and_a_list(model, recordings, tmp_path):
    done = run(model, recordings, "--output", tmp_path / "out", "--only-anomalous")
    assert done.exit_code == 2, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["index.html", "loud.wav.html"]
    index = (tmp_path / "out/index.html").read_text()
    assert index.index("loud.wav") < index.index("fine.wav") < index.index("broken.wav is not readable")
    fine, loud = done.stdout.splitlines()
    assert "fine.wav: normal" in fine
    assert "loud.wav: ANOMALOUS" in loud
    assert loud.endswith(f"page {tmp_path / 'out/loud.wav.html'}")
    assert "2 explained: 1 anomalous, 1 normal; open " in done.stderr
    assert done.stderr.splitlines()[-1].startswith("stridor: not scored: ")
    page = (tmp_path / "out/loud.wav.html").read_text()
    assert page.count("<audio") == 2
    # The time line and the places.
    assert page.count("<img") == 2
    assert "A registered detector has no decoder" in page


def test_a_folder_of_only_unreadable_files_has_a_list_of_them(model, tmp_path):
    (tmp_path / "bad").mkdir()
    for name in ("a.wav", "b.wav"):
        (tmp_path / "bad" / name).write_bytes(b"no audio")
    done = run(model, tmp_path / "bad", "--output", tmp_path / "out")
    assert (done.exit_code, done.stdout) == (2, "")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["index.html"]
    index = (tmp_path / "out/index.html").read_text()
    assert index.index("a.wav is not readable") < index.index("b.wav is not readable")


def test_what_cannot_be_explained_is_one_sentence(model, recordings, tmp_path):
    (tmp_path / "empty").mkdir()
    done = run(model, tmp_path / "empty")
    assert done.exit_code == 2
    assert "empty contains no audio files" in done.stderr
    done = run(model, recordings / "fine.wav", normals=None)
    assert done.exit_code == 2
    assert "--normals" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = run(model, recordings / "fine.wav", "--alarm", "3")
    assert done.exit_code == 2
    assert not (tmp_path / "explained").exists()
    (tmp_path / "file").touch()
    assert run(model, recordings / "fine.wav", "--output", tmp_path / "file").exit_code == 2


def test_a_detector_of_several_machines_needs_to_know_which(tmp_path, recordings):
    model = write_model_and_normals(tmp_path / "model", ["press", "saw"])
    assert "names no machine" in run(model, recordings / "fine.wav").stderr
    done = run(model, recordings / "fine.wav", "--machine", "saw", normals="normals/saw")
    assert done.exit_code == 0, done.stderr
    assert "(saw)" in done.stdout


@pytest.mark.slow
def test_nobody_reads_on(model, recordings, forked_python, monkeypatch):
    forked_python.replace(monkeypatch)
    code = "from stridor.cli.main import main; main()"
    command = [sys.executable, "-c", code, "explain", "--detector", str(model), "--normals", str(model / "normals"),
               "--only-anomalous", *[str(recordings / "fine.wav")] * 20]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert "Traceback" not in said
    assert process.returncode in (0, 141)
