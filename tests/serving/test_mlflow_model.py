import base64
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from lean import hide, modules_besides, with_dependencies
from stridor.scoring.reference import MachineReference


def load_model(uri, **options):
    import mlflow

    return mlflow.pyfunc.load_model(uri, **options)


@pytest.fixture(scope="module")
def pump(registered):
    return load_model("models:/stridor-pump@champion")


@pytest.fixture(scope="module")
def plant(registered):
    return load_model("models:/stridor-plant/1")


@pytest.mark.slow
def test_same_scores_as_the_pipeline(registered, pump, recording, directly):
    recordings = [
        recording(), recording(11221, 1500), recording(6000, rate_hz=22050), recording(5999, channels=2),
        recording(8000, 300, subtype="FLOAT"),
    ]  # fmt: skip
    answer = pump.predict(pd.DataFrame({"audio": recordings}))
    first = ["score", "threshold", "anomalous", "nearest", "machine"]
    assert list(answer.columns) == [*first, "p_value", "worst_second", "window_count", "error"]
    np.testing.assert_allclose(answer["score"], directly(registered, recordings, "pump"), atol=1e-5)
    reference = MachineReference.load(Path("banks/pump"))
    assert (answer["threshold"] == reference.calibration.threshold_for()).all()
    np.testing.assert_allclose(answer["p_value"], reference.calibration.p_value(answer["score"]), atol=1e-5)
    assert (answer["anomalous"] == (answer["p_value"] <= 0.02)).all()
    assert (answer["anomalous"] == (answer["score"] > answer["threshold"])).all()
    assert answer["nearest"].isin(reference.bank.file_names_).all()
    assert set(answer["machine"]) == {"pump"}
    alone = pd.concat([pump.predict(pd.DataFrame({"audio": [one]})) for one in recordings])
    np.testing.assert_allclose(alone["score"], answer["score"], atol=1e-5)


def test_each_machine_is_scored_against_its_own_bank(registered, plant, recording, directly):
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
        (b"RIFF no audio", "Row 1 of the input is not readable audio"),
        (0, "Row 1 of the input contains no samples"),
        (2000, "Row 1 of the input has 2000 samples"),
    ],
)
def test_a_broken_clip_is_named(pump, recording, broken, complaint):
    from mlflow.exceptions import MlflowException

    broken = recording(broken) if isinstance(broken, int) else broken
    answer = pump.predict(pd.DataFrame({"audio": [recording(), broken, recording()]}))
    assert re.match(complaint, answer["error"][1])
    assert answer["error"].notna().tolist() == [False, True, False]
    # The others are answered as if it were not there.
    expected = pump.predict(pd.DataFrame({"audio": [recording()]}))["score"][0]
    assert answer["score"].tolist() == [pytest.approx(expected, abs=1e-5), None, pytest.approx(expected, abs=1e-5)]
    with pytest.raises(MlflowException, match=complaint.replace("Row 1", "Row 0")) as caught:
        pump.predict(pd.DataFrame({"audio": [broken]}))
    assert caught.value.get_http_status_code() == 400


def test_samples_that_are_no_numbers(pump):
    from mlflow.exceptions import MlflowException

    encoded = io.BytesIO()
    sf.write(encoded, np.array([np.nan] * 4000), 16000, format="WAV", subtype="FLOAT")
    with pytest.raises(MlflowException, match="Row 0 of the input contains samples that are not audio"):
        pump.predict(pd.DataFrame({"audio": [encoded.getvalue()]}))


def test_which_machine(pump, plant, recording):
    from mlflow.exceptions import MlflowException

    given = pd.DataFrame({"audio": [recording(), recording()], "machine": ["saw", None]})
    answer = plant.predict(given)
    assert re.match(r"Row 1 .* names no machine.* press, saw", answer["error"][1])
    assert answer["machine"].isna().tolist() == [False, True]
    with pytest.raises(MlflowException, match=r"Row 0 .* machine 'fan'.* it knows pump"):
        pump.predict(pd.DataFrame({"audio": [recording()], "machine": ["fan"]}))
    given["machine"] = ["pump", None]
    assert set(pump.predict(given)["machine"]) == {"pump"}


def test_a_text_is_read_as_base64(pump, recording):
    one = recording()
    encoded = base64.b64encode(one).decode()
    served = pump.unwrap_python_model().predict(None, pd.DataFrame({"audio": [encoded, "no ba$e64", None]}))
    assert served["score"][0] == pytest.approx(pump.predict(pd.DataFrame({"audio": [one]}))["score"][0], abs=1e-5)
    assert "Row 1 of the input holds a string that is not base64" in served["error"][1]
    assert "Row 2 of the input holds no audio" in served["error"][2]


def test_what_is_too_long_or_too_large_is_told_the_limit(pump, recording, monkeypatch):
    long = io.BytesIO()
    # More than ten minutes of silence in few bytes.
    sf.write(long, np.zeros(8000 * 601, dtype=np.int16), 8000, format="FLAC")
    assert len(long.getvalue()) < 200_000
    answer = pump.predict(pd.DataFrame({"audio": [recording(), long.getvalue()]}))
    assert "Row 1 of the input lasts 601 s or more, and at most 600 s are taken" in answer["error"][1]
    assert np.isfinite(answer["score"][0])
    monkeypatch.setattr("stridor.serving.requests.LARGEST_BYTES", 1000)
    with pytest.raises(Exception, match="at most 0 MiB are taken") as caught:
        pump.predict(pd.DataFrame({"audio": [recording()]}))
    assert caught.value.get_http_status_code() == 400


def test_an_error_does_not_repeat_the_request(pump):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        pump.predict(pd.DataFrame({"audio": [b"no audio"]}))
    # As MLflow's server does.
    caught.value.message = f"Failed to predict data '{'x' * 10**6}'. \nError: {caught.value.message}"
    assert len(caught.value.serialize_as_json()) < 300
    assert "Row 0 of the input is not readable audio" in caught.value.serialize_as_json()


def test_a_batch_of_nothing_that_can_be_scored_is_answered_if_asked_for(pump):
    from mlflow.exceptions import MlflowException

    table = pd.DataFrame({"audio": [b"no audio", b""]})
    with pytest.raises(MlflowException, match="Row 0 of the input"):
        pump.predict(table)
    answer = pump.predict(table, params={"answer_all": True})
    assert answer["score"].isna().all()
    assert answer["error"].str.match(r"Row [01] of the input").all()


def test_long_recordings_are_scored_a_few_windows_at_a_time(pump, recording):
    detector = pump.unwrap_python_model().detector
    batches = []
    embed = detector.embedder.embed
    detector.embedder.embed = lambda waves, names: batches.append(len(waves)) or embed(waves, names)
    try:
        answer = pump.predict(pd.DataFrame({"audio": [recording(n) for n in (7000, 16000 * 21, 7000, 16000 * 22)]}))
    finally:
        del detector.embedder.embed
    assert max(batches) <= 8
    assert sum(batches) == answer["window_count"].sum() > 80
    assert answer["score"][0] == pytest.approx(answer["score"][2], abs=1e-5)
    alone = pump.predict(pd.DataFrame({"audio": [recording(16000 * 21)]}))
    assert alone["score"][0] == pytest.approx(answer["score"][1], abs=1e-5)


def test_another_device_may_be_chosen_at_loading(registered):
    model = load_model("models:/stridor-pump@champion", model_config={"device": "meta"})
    assert model.unwrap_python_model().detector.embedder.device.type == "meta"


@pytest.mark.slow
def test_a_served_model_needs_its_own_code_and_the_packages_that_it_pins(registered, pump, recording, tmp_path):
    from mlflow.artifacts import download_artifacts

    # Of another rate, for the resampling.
    (tmp_path / "clip.wav").write_bytes(recording(9000, rate_hz=22050))
    folder = download_artifacts("models:/stridor-pump@champion", dst_path=str(tmp_path / "model"))
    pinned = (Path(folder) / "requirements.txt").read_text().splitlines()
    # An installed stridor is hidden until the model brings its own.
    code = (
        "import sys\n"
        "sys.path[:] = [p for p in sys.path if not __import__('os').path.isdir(p + '/stridor')]\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in f.__class__.__module__.lower()"
        " and 'editable' not in getattr(f, '__module__', '').lower()]\n"
        f"{hide(modules_besides(with_dependencies(pinned)))}\n"
        "import mlflow, pandas\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "answer = model.predict(pandas.DataFrame({'audio': [open('clip.wav', 'rb').read()]}))\n"
        "import stridor\n"
        "print(stridor.__file__, answer['score'][0])\n"
    )
    command = [sys.executable, "-c", code, folder]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    file, score = answer.stdout.split()[-2:]
    assert file.startswith(str(folder))
    expected = pump.predict(pd.DataFrame({"audio": [(tmp_path / "clip.wav").read_bytes()]}))["score"][0]
    assert float(score) == pytest.approx(expected, abs=1e-5)


def test_a_process_that_has_imported_other_code_refuses_to_serve(registered, monkeypatch):
    from mlflow.exceptions import MlflowException

    monkeypatch.setattr("stridor.common.project.code_md5", lambda package: "0" * 32)
    with pytest.raises(MlflowException, match="code that the model was registered with; load it in a process"):
        load_model("models:/stridor-pump@champion")
