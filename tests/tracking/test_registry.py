import pytest

from mlflow_project import write_detector
from stridor.common.errors import StridorError
from stridor.tracking.registry import content_md5, model_config, register, registered_detectors
from stridor.tracking.runs import DataVersion, training_run
from stridor.tracking.store import open_store
from tiny import tiny_params

MEASURES = {"hmean": 0.6, "auc_source": 0.7}


def version(number):
    from mlflow import MlflowClient

    return MlflowClient().get_model_version("stridor-pump", str(number))


def champion():
    from mlflow import MlflowClient

    return int(MlflowClient().get_model_version_by_alias("stridor-pump", "champion").version)


def test_champion_belongs_to_its_training_run(project):
    from mlflow import MlflowClient
    from mlflow.models import get_model_info

    params = tiny_params()
    encoder, banks = write_detector(project, params)
    with training_run("pump", params, DataVersion("data", "abc")) as log:
        pass
    end = MlflowClient().get_run(log.run_id).info.end_time

    assert register("pump", encoder, banks, params, log.run_id, MEASURES) == 1
    assert champion() == 1
    assert registered_detectors() == ["pump"]
    assert version(1).run_id == log.run_id
    run = MlflowClient().get_run(log.run_id)
    assert (run.info.status, run.info.end_time) == ("FINISHED", end)
    assert run.data.metrics == MEASURES
    (output,) = run.outputs.model_outputs
    model = MlflowClient().get_logged_model(output.model_id)
    assert model.status == "READY"
    assert model.source_run_id == log.run_id
    assert {metric.key: metric.value for metric in model.metrics} == MEASURES

    info = get_model_info("models:/stridor-pump@champion")
    assert info.signature.inputs.input_names() == ["audio", "machine"]
    assert [column.required for column in info.signature.inputs] == [True, False]
    columns = [
        "score", "threshold", "anomalous", "nearest", "machine", "p_value", "worst_second", "window_count", "error",
    ]  # fmt: skip
    assert info.signature.outputs.input_names() == columns
    assert info.flavors["python_function"]["config"] == model_config("pump", params)

    # The same again, then another encoder, then the first one back.
    assert register("pump", encoder, banks, params, log.run_id, MEASURES) == 1
    (project / "other").mkdir()
    other, other_banks = write_detector(project / "other", params, seed=1)
    assert register("pump", other, other_banks, params, None, MEASURES) == 2
    assert champion() == 2
    assert register("pump", encoder, banks, params, log.run_id, MEASURES) == 1
    assert champion() == 1
    assert len(MlflowClient().search_model_versions("name = 'stridor-pump'")) == 2
    # Without a training run, the measures have a run of their own.
    registration = MlflowClient().get_run(version(2).run_id)
    assert registration.info.run_name == "pump registration"
    assert registration.data.metrics == MEASURES


def test_other_code_makes_another_version(project, monkeypatch):
    params = tiny_params()
    encoder, banks = write_detector(project, params)
    files = {"encoder": encoder, "banks": banks}
    one = content_md5(files, model_config("pump", params))
    assert content_md5(files, model_config("pump", params)) == one
    monkeypatch.setattr("stridor.tracking.registry.code_md5", lambda package: "0" * 32)
    assert content_md5(files, model_config("pump", params)) != one


def test_what_does_not_work_is_not_registered(project):
    params = tiny_params()
    encoder, banks = write_detector(project, params)
    with pytest.raises(StridorError, match=r"nowhere\.pt is missing"):
        register("pump", project / "nowhere.pt", banks, params, None, MEASURES)
    with pytest.raises(StridorError, match=r"pump.* is missing"):
        register("pump", encoder, project / "nowhere", params, None, MEASURES)
    (banks / "pump" / "calibration.json").write_text("{")
    with pytest.raises(StridorError, match="is not a calibration"):
        register("pump", encoder, banks, params, None, MEASURES)
    open_store()
    assert registered_detectors() == []
