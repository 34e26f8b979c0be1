"""A detector of a new machine from normal recordings alone, and changes of its bank."""

import json

import numpy as np
import pytest
import soundfile as sf
from click.testing import CliRunner

from mlflow_project import wave
from stridor.cli.main import main
from stridor.common.errors import StridorError
from stridor.operation.bank_changes import add_to_bank, list_bank, remove_from_bank
from stridor.operation.enrolment import enrol
from stridor.serving.detector import Detector
from stridor.tracking.versions import CHAMPION, version_with


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def bank_of(name):
    return Detector.load(name).references[name].bank


@pytest.mark.slow
def test_a_machine_is_enrolled_with_the_encoder_of_another_detector(plant, record, tmp_path):
    record(tmp_path / "in", range(10))
    record(tmp_path / "in/target", range(20, 22), hum_hz=600, suffix=".flac")
    (tmp_path / "in/notes.txt").write_text("no audio")
    done = run("enroll", "--machine", "press7", "--normal", tmp_path / "in", "--detector", "pump")
    assert done.exit_code == 0, done.stderr
    assert "press7: what leave-one-out scores of" in done.stdout
    assert "record 39 more clips of source" in done.stdout
    assert "a condition has fewer than 5 clips" in done.stdout
    assert "false alarms among the others" in done.stdout
    assert "there was no champion to compare it with" in done.stdout
    detector, other = Detector.load("press7"), Detector.load("pump")
    bank = detector.references["press7"].bank
    assert detector.machines == ("press7",)
    assert bank.file_names_[0] == "shift_00.wav"
    assert bank.domains_ == ("source",) * 10 + ("target",) * 2
    embedded = other.embedder.embed([sf.read(tmp_path / "in/shift_00.wav", dtype="float32")[0]])
    np.testing.assert_allclose(bank.embeddings_[0], embedded[0], atol=1e-5)
    assert detector.score(tmp_path / "in/shift_03.wav").nearest == "shift_03.wav"
    assert detector.score(wave(77, 19200, 2500)).anomalous
    assert detector.references["press7"].calibration.clip_seconds == 1.2
    latest = version_with("press7", CHAMPION)
    assert latest.tags["enrolled_with"] == "the detector pump"


def test_a_checkpoint_and_the_parameters_of_the_project_do_as_well(plant, record, tmp_path, monkeypatch):
    from ruamel.yaml import YAML

    from stridor.models.checkpoint import load_encoder

    record(tmp_path / "in", range(6))
    bank = {"views": [{"encoder": "log_mel", "pooling": "quantiles", "metric": "whitened"}, {"encoder": "fine_tuned"}]}
    with open("params.yaml", "w") as file:
        YAML().dump(
            {"detectors": {"x": {"machines": ["x"]}}, "bank": bank, "encoder": {"checkpoint": "encoder.pt"}}, file
        )
    try:
        for way in ({"checkpoint": plant / "encoder.pt"}, {}):
            standing, found = enrol("lathe", [tmp_path / "in"], **way)
            assert (standing.version, standing.champion) == (1, 1)
    finally:
        (plant / "params.yaml").write_text("")
    assert found.recordings == 6
    detector = Detector.load("lathe")
    assert [part.encoder.family for part in detector.embedder.parts] == ["log_mel", "BEATs"]
    weights = detector.embedder.parts[1].encoder.state_dict()
    assert all((weights[name] == one).all() for name, one in load_encoder(plant / "encoder.pt").state_dict().items())
    assert "encoder.pt. Licence: not known to stridor" in _description("lathe")


def _description(name):
    from mlflow import MlflowClient

    return MlflowClient().get_model_version_by_alias(f"stridor-{name}", "champion").description


@pytest.mark.slow
def test_added_and_removed_clips_make_the_bank_that_enrolling_them_makes(plant, record, tmp_path):
    record(tmp_path / "all", range(8))
    record(tmp_path / "some", range(6))
    record(tmp_path / "new", range(6, 8))
    record(tmp_path / "new", [3])  # known already
    enrol("all8", [tmp_path / "all"], "pump")
    enrol("some", [tmp_path / "some"], "pump")
    some = bank_of("some")
    said = []
    standing = add_to_bank("some", [tmp_path / "new"], say=said.append)
    assert said[0] == "left out: shift_03.wav, which the bank holds already as shift_03.wav"
    assert said[1].startswith("2 clips are added")
    assert (standing.version, standing.champion) == (2, 1)
    assert "no labelled test clips" in standing.why
    assert bank_of("some").file_names_ == some.file_names_
    assert run("promote", "some").exit_code == 0
    changed, scratch = (Detector.load(one).references[one] for one in ("some", "all8"))
    assert changed.bank.file_names_ == scratch.bank.file_names_
    np.testing.assert_allclose(changed.bank.embeddings_, scratch.bank.embeddings_, atol=1e-5)
    np.testing.assert_allclose(changed.calibration.normals["source"], scratch.calibration.normals["source"], rtol=1e-3)
    assert changed.calibration.threshold_for() == pytest.approx(scratch.calibration.threshold_for(), rel=1e-3)

    done = run("bank", "remove", "shift_06.wav", "shift_07.wav", "--detector", "some", "--promote")
    assert done.exit_code == 0, done.stderr
    assert "2 clips are taken out, 6 remain" in done.stderr
    # To the byte what it was before, and so the same version.
    assert "version 1 is models:/stridor-some@champion" in done.stdout
    np.testing.assert_array_equal(bank_of("some").embeddings_, some.embeddings_)
    listed = list_bank("some")
    assert sorted(one.name for one in listed) == sorted(some.file_names_)
    assert [one.p_value for one in listed] == sorted(one.p_value for one in listed)
    assert "normal clips this odd" in run("bank", "list", "--detector", "some").stdout


@pytest.mark.slow
def test_long_recordings_are_cut_and_what_is_odd_is_said(plant, record, tmp_path):
    record(tmp_path / "in", range(3))
    sf.write(tmp_path / "in/long.wav", wave(50, 16000 * 6, 505), 16000)
    sf.write(tmp_path / "in/clipped.wav", np.clip(20 * wave(51, 19200, 505), -1, 1), 16000)
    sf.write(tmp_path / "in/off.wav", np.zeros(19200), 16000)
    (tmp_path / "in/broken.wav").write_bytes(b"RIFF")
    arguments = ("enroll", "--machine", "saw", "--normal", tmp_path / "in", "--detector", "pump", "--clip-seconds", "2")
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert "broken.wav" in refused.stderr
    done = run(*arguments, "--skip-unreadable")
    assert done.exit_code == 0, done.stderr
    for part in ("broken.wav", "silent clips, left out (1): off.wav", "clipped recordings (1): clipped.wav"):
        assert part in done.stderr
    assert [one for one in bank_of("saw").file_names_ if "long" in one] == [
        "long.wav from 0 s", "long.wav from 2 s", "long.wav from 4 s",
    ]  # fmt: skip
    remove_from_bank("saw", ["long.wav"])
    waits = json.loads(run("models", "saw", "--json").stdout.splitlines()[0])
    assert waits["number"] == 2
    assert waits["tags"]["changed_bank"] == "3 clips taken out of version 1, long.wav first"


@pytest.mark.slow
def test_what_cannot_be_enrolled_or_changed(plant, record, tmp_path):
    folder = record(tmp_path / "in", range(4))
    with pytest.raises(StridorError, match=r"--machine is 'a/b', which is not a name of a machine"):
        enrol("a/b", [folder], "pump")
    with pytest.raises(StridorError, match="give one of them"):
        enrol("x", [folder], "pump", plant / "encoder.pt")
    with pytest.raises(StridorError, match="no detector 'nobody'"):
        enrol("x", [folder], "nobody")
    with pytest.raises(StridorError, match=r"nowhere is missing"):
        enrol("x", [tmp_path / "nowhere"], "pump")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StridorError, match="holds no recordings"):
        enrol("x", [tmp_path / "empty"], "pump")
    record(tmp_path / "machine/anomaly", [1])
    with pytest.raises(StridorError, match="lies in a folder called anomaly"):
        enrol("x", [tmp_path / "machine"], "pump")
    record(tmp_path / "one", [1])
    with pytest.raises(StridorError, match="one gives 1 training clip; a threshold needs at least two"):
        enrol("x", [tmp_path / "one"], "pump")
    with pytest.raises(StridorError, match="too few for metric = whitened"):
        enrol("x", [record(tmp_path / "two", [1, 2])], "pump")
    assert version_with("x", CHAMPION) is None

    enrol("y", [folder], "pump")
    with pytest.raises(StridorError, match="The bank holds all 4 clips already; nothing was changed"):
        add_to_bank("y", [folder])
    other = record(tmp_path / "other", [1], hum_hz=700)
    with pytest.raises(StridorError, match=r"holds another clip called shift_01\.wav; rename the file"):
        add_to_bank("y", [other])
    with pytest.raises(StridorError, match=r"holds no clip 'shift_1\.wav'; shift_01\.wav sounds similar"):
        remove_from_bank("y", ["shift_1.wav"])
    with pytest.raises(StridorError, match="too few for metric = whitened"):
        remove_from_bank("y", ["shift_00.wav", "shift_01.wav"])
    assert version_with("y", CHAMPION).number == 1
