"""A detector loaded from the registry or a folder scores files and arrays as the pipeline does."""

import shutil

import numpy as np
import pytest

from stridor.audio.files import read_clip
from stridor.common.errors import StridorError
from stridor.serving.detector import Detector
from stridor.tracking.model_files import download_model


@pytest.fixture(scope="module")
def pump(registered):
    return Detector.load("pump")


@pytest.fixture(scope="module")
def plant(registered):
    return Detector.load("models:/stridor-plant/1")


@pytest.fixture(scope="module")
def folder(registered, tmp_path_factory):
    """The champion, downloaded."""
    return download_model("pump", tmp_path_factory.mktemp("downloaded"))


@pytest.fixture
def clip(tmp_path, recording):
    (tmp_path / "clip.wav").write_bytes(recording())
    return tmp_path / "clip.wav"


def test_files_are_scored(registered, plant, clip, recording, directly):
    verdict = plant.score(clip, "saw")
    assert plant.machines == ("press", "saw")
    assert verdict.score == pytest.approx(directly(registered, [recording()], "saw")[0], abs=1e-5)
    assert verdict.threshold == plant.references["saw"].calibration.threshold_for(0.02)
    assert (verdict.machine, verdict.anomalous) == ("saw", verdict.score > verdict.threshold)
    assert str(clip) in verdict.text()
    assert verdict.nearest in verdict.text()


def test_an_array_is_scored_as_its_file(pump, clip):
    of_file, of_array = pump.score(str(clip)), pump.score(read_clip(clip))
    assert of_array.score == of_file.score
    assert of_array.nearest == of_file.nearest


def test_files_that_cannot_be_scored_are_named(pump, plant, clip, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"nothing")
    with pytest.raises(StridorError, match=r"missing\.wav is missing"):
        pump.score(tmp_path / "missing.wav")
    with pytest.raises(StridorError, match=r"broken\.wav is no"):
        pump.score(tmp_path / "broken.wav")
    with pytest.raises(StridorError, match=r"clip\.wav names no machine.* press, saw"):
        plant.score(clip)
    with pytest.raises(StridorError, match=r"clip\.wav names the machine 'fan'"):
        plant.score(clip, "fan")


@pytest.mark.parametrize(
    ("wave", "complaint"),
    [
        (np.zeros((2, 8000)), r"array of float64 \[2, 8000\]"),
        (np.zeros(8000, dtype=np.int16), "array of int16"),
        (np.full(8000, np.nan), "not finite"),
        (np.zeros(100), "The recording has 100 samples"),
    ],
)
def test_arrays_that_cannot_be_scored(pump, wave, complaint):
    with pytest.raises(StridorError, match=complaint):
        pump.score(wave)


def test_a_folder_needs_no_store_and_no_project(folder, pump, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(folder, tmp_path / "model")
    expected = pump.score(clip)
    assert Detector.load(folder).score(clip) == expected
    assert Detector.load("model").score(clip) == expected
    with pytest.raises(StridorError, match="is not inside a project"):
        Detector.load("pump")


def test_no_code_of_a_model_is_run(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "model")
    for file in (tmp_path / "model").rglob("*.py"):
        file.write_text("raise SystemExit('run')")
    assert Detector.load(tmp_path / "model").machines == ("pump",)


def test_folders_that_hold_no_detector(folder, tmp_path):
    with pytest.raises(StridorError, match="no file MLmodel"):
        Detector.load(tmp_path)
    with pytest.raises(StridorError, match="no file MLmodel"):
        Detector.load(str(tmp_path / "missing"))
    for text in ("flavors: {sklearn: {}}", "flavors: [", "", "flavors: {python_function: {artifacts: {}, config: {}}}"):
        (tmp_path / "MLmodel").write_text(text)
        with pytest.raises(StridorError, match="does not describe a detector of stridor"):
            Detector.load(tmp_path)
    text = (folder / "MLmodel").read_text()
    (tmp_path / "MLmodel").write_text(text.replace("gem_p", "gem_q"))
    with pytest.raises(StridorError, match=r"settings of the detector .*gem_q"):
        Detector.load(tmp_path)


@pytest.mark.parametrize("name", ["fan", "models:/stridor-pump/77", "models:/stridor-pump@nobody"])
def test_unknown_detector(registered, name):
    with pytest.raises(StridorError, match=f"no detector '{name}' .* registered are plant, pump"):
        Detector.load(name)


@pytest.mark.parametrize(
    "address",
    ["s3://x/y", "gs://x", "hdfs://x/y", "http://localhost:1/x", "file:///etc", "a:b", "", " ", "x\0y", "x" * 1000],
)
def test_other_addresses_are_refused_without_being_asked(address):
    with pytest.raises(StridorError, match=r"is not the address of a registered|empty or not printable|no detector"):
        Detector.load(address)


def test_silent_windows_are_left_out_and_nothing_but_silence_is_refused(pump, tmp_path):
    import soundfile

    wave = np.zeros(40_000)
    wave[16_000:24_000] = 0.1 * np.random.default_rng(0).standard_normal(8000).clip(-9, 9)
    soundfile.write(tmp_path / "pause.wav", wave, 16000)
    found = pump.score(tmp_path / "pause.wav")
    assert [one.start_seconds for one in found.windows] == [1.0]
    soundfile.write(tmp_path / "silent.flac", np.zeros(8000 * 600, dtype=np.int16), 8000)
    with pytest.raises(StridorError, match=r"silent\.flac is silent and was not judged"):
        pump.score(tmp_path / "silent.flac")
