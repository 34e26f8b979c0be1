import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from mlflow_project import in_project, wave, write_detector
from stridor.audio.files import read_clip
from stridor.common.errors import StridorError
from stridor.models.checkpoint import load_encoder
from stridor.params.sections import DetectorParams
from stridor.scoring.embedding import EncoderEmbedder
from stridor.scoring.reference import MachineReference
from stridor.serving.detector import Detector
from stridor.tracking.registry import register
from tiny import tiny_params


@pytest.fixture(scope="module")
def registered(tmp_path_factory, empty_database):
    """Parameters of a project with a detector for one machine and one for two."""
    with in_project(tmp_path_factory.mktemp("project"), empty_database) as root:
        scoring = {"embedding": {"layer": 1, "pooling": "bands"}, "bank": {"density_neighbours": 1}}
        params = tiny_params(**scoring).model_copy(update={"detectors": {
            "pump": DetectorParams(machines=("pump",)), "plant": DetectorParams(machines=("press", "saw")),
        }})  # fmt: skip
        encoder, banks = write_detector(root, params)
        for detector in params.detectors:
            register(detector, encoder, banks, params, None, {"hmean": 0.5})
        yield params


@pytest.fixture(scope="module")
def pump(registered):
    return mlflow_model("models:/stridor-pump@champion")


@pytest.fixture(scope="module")
def plant(registered):
    return mlflow_model("models:/stridor-plant/1")


def recording(samples=7000, hum_hz=450, rate_hz=16000, channels=1, **options):
    encoded = io.BytesIO()
    one = wave(99, samples, hum_hz)
    sf.write(encoded, np.stack([one, 0.5 * one][:channels], axis=1), rate_hz, format="WAV", **options)
    return encoded.getvalue()


def directly(params, recordings, machine):
    embedder = EncoderEmbedder(load_encoder(Path("encoder.pt")), params.embedding)
    waves = [read_clip(io.BytesIO(one), params.audio.channel) for one in recordings]
    return MachineReference.load(Path("banks") / machine).bank.score_samples(embedder.embed(waves))


def test_same_scores_as_the_pipeline(registered, pump):
    recordings = [
        recording(), recording(11221, 1500), recording(6000, rate_hz=22050), recording(5999, channels=2),
        recording(8000, 300, subtype="FLOAT"),
    ]  # fmt: skip
    answer = pump.predict(pd.DataFrame({"audio": recordings}))
    assert list(answer.columns) == ["score", "threshold", "anomalous", "nearest", "machine"]
    np.testing.assert_allclose(answer["score"], directly(registered, recordings, "pump"), atol=1e-5)
    reference = MachineReference.load(Path("banks/pump"))
    assert (answer["threshold"] == reference.calibration.threshold).all()
    assert (answer["anomalous"] == (answer["score"] > answer["threshold"])).all()
    assert answer["nearest"].isin(reference.bank.file_names_).all()
    assert set(answer["machine"]) == {"pump"}
    alone = pd.concat([pump.predict(pd.DataFrame({"audio": [one]})) for one in recordings])
    np.testing.assert_allclose(alone["score"], answer["score"], atol=1e-5)


def test_each_machine_is_scored_against_its_own_bank(registered, plant):
    one = recording()
    answer = plant.predict(pd.DataFrame({"audio": [one, one, one], "machine": ["saw", "press", "saw"]}))
    expected = [directly(registered, [one], machine)[0] for machine in ("saw", "press", "saw")]
    np.testing.assert_allclose(answer["score"], expected, atol=1e-5)
    assert answer["score"][0] != answer["score"][1]
    assert list(answer["machine"]) == ["saw", "press", "saw"]


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (b"", "Row 1 of the input"),
        (b"RIFF no audio", "Row 1 of the input is no readable audio"),
        (recording(0), "Row 1 of the input holds no samples"),
        (recording(2000), "Row 1 of the input has 2000 samples"),
    ],
)
def test_a_broken_clip_is_named(pump, broken, complaint):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=complaint) as caught:
        pump.predict(pd.DataFrame({"audio": [recording(), broken, recording()]}))
    assert caught.value.get_http_status_code() == 400


def test_samples_that_are_no_numbers(pump):
    from mlflow.exceptions import MlflowException

    encoded = io.BytesIO()
    sf.write(encoded, np.array([np.nan] * 4000), 16000, format="WAV", subtype="FLOAT")
    with pytest.raises(MlflowException, match="Row 0 of the input holds samples that are no audio"):
        pump.predict(pd.DataFrame({"audio": [encoded.getvalue()]}))


def test_which_machine(pump, plant):
    from mlflow.exceptions import MlflowException

    given = pd.DataFrame({"audio": [recording(), recording()], "machine": ["saw", None]})
    with pytest.raises(MlflowException, match=r"Row 1 .* names no machine.* press, saw"):
        plant.predict(given)
    with pytest.raises(MlflowException, match=r"Row 0 .* machine 'fan'.* it knows pump"):
        pump.predict(pd.DataFrame({"audio": [recording()], "machine": ["fan"]}))
    given["machine"] = ["pump", None]
    assert set(pump.predict(given)["machine"]) == {"pump"}


def test_another_device_may_be_chosen_at_loading(registered):
    import mlflow

    config = {"device": "meta"}
    model = mlflow.pyfunc.load_model("models:/stridor-pump@champion", model_config=config)
    assert model.unwrap_python_model()._embedder.device.type == "meta"


def test_files_are_scored(registered, plant, tmp_path):
    (tmp_path / "clip.wav").write_bytes(recording())
    verdict = score_file(plant, tmp_path / "clip.wav", "saw")
    assert verdict.score == pytest.approx(directly(registered, [recording()], "saw")[0], abs=1e-5)
    assert (verdict.machine, verdict.anomalous) == ("saw", verdict.score > verdict.threshold)
    assert str(tmp_path / "clip.wav") in verdict.text()
    assert verdict.nearest in verdict.text()


def test_files_that_cannot_be_scored_are_named(pump, plant, tmp_path):
    (tmp_path / "clip.wav").write_bytes(recording())
    (tmp_path / "broken.wav").write_bytes(b"nothing")
    with pytest.raises(StridorError, match=r"missing\.wav cannot be read"):
        score_file(pump, tmp_path / "missing.wav")
    with pytest.raises(StridorError, match=r"broken\.wav is no readable audio"):
        score_file(pump, tmp_path / "broken.wav")
    with pytest.raises(StridorError, match=r"clip\.wav names no machine"):
        score_file(plant, tmp_path / "clip.wav")


@pytest.mark.parametrize("name", ["fan", "models:/stridor-pump/77", "models:/stridor-pump@nobody"])
def test_unknown_detector(registered, name):
    with pytest.raises(StridorError, match=f"no detector '{name}' .* registered are plant, pump"):
        load_detector(name)


def test_the_code_travels_with_the_model(registered, pump, tmp_path):
    from mlflow.artifacts import download_artifacts

    (tmp_path / "clip.wav").write_bytes(recording())
    code = (
        "import sys, mlflow, pandas, stridor_missing\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "answer = model.predict(pandas.DataFrame({'audio': [open('clip.wav', 'rb').read()]}))\n"
        "import stridor\n"
        "print(stridor.__file__, answer['score'][0])\n"
    )
    # As on a machine without stridor: an installed one is hidden until the model brings its own.
    (tmp_path / "stridor_missing.py").write_text(
        "import sys\n"
        "sys.path[:] = [p for p in sys.path if not __import__('os').path.isdir(p + '/stridor')]\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in f.__class__.__module__.lower()"
        " and 'editable' not in getattr(f, '__module__', '').lower()]\n"
    )
    folder = download_artifacts("models:/stridor-pump@champion", dst_path=str(tmp_path / "model"))
    command = [sys.executable, "-c", code, folder]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    file, score = answer.stdout.split()[-2:]
    assert file.startswith(str(folder))
    assert float(score) == pytest.approx(score_file(pump, tmp_path / "clip.wav").score, abs=1e-5)
