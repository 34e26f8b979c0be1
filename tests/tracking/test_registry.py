import dataclasses

import pytest

from mlflow_project import config_of, register_champion, write_detector
from stridor.common.errors import StridorError
from stridor.tracking.candidate import Candidate, candidate_of
from stridor.tracking.registry import register, registered_detectors
from stridor.tracking.runs import DataVersion, training_run
from stridor.tracking.store import open_store
from stridor.tracking.versions import (
    CHALLENGER,
    CHAMPION,
    PROMOTED,
    WITHDRAWN,
    challenge,
    list_versions,
    promote,
    roll_back,
    version_with,
)
from tiny import tiny_params

MEASURES = {"hmean": 0.6, "auc_source": 0.7}


def version(number):
    from mlflow import MlflowClient

    return MlflowClient().get_model_version("stridor-pump", str(number))


def champion():
    return version_with("pump", CHAMPION).number


@pytest.mark.slow
def test_champion_belongs_to_its_training_run(project):
    from mlflow import MlflowClient
    from mlflow.models import get_model_info

    params = tiny_params()
    encoder, banks = write_detector(project, params)
    with training_run("pump", params, DataVersion("data", "abc")) as log:
        pass
    end = MlflowClient().get_run(log.run_id).info.end_time

    assert register_champion("pump", encoder, banks, params, log.run_id, MEASURES) == 1
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
    assert info.flavors["python_function"]["config"] == config_of("pump", params)

    # The same again, then another encoder, which nobody promotes, then the first one back.
    assert register_champion("pump", encoder, banks, params, log.run_id, MEASURES) == 1
    (project / "other").mkdir()
    other, other_banks = write_detector(project / "other", params, seed=1)
    files, config = {"encoder": other, "banks": other_banks}, config_of("pump", params)
    assert register(candidate_of("pump", params, files, config, MEASURES)) == 2
    assert champion() == 1
    # Without a training run, the measures have a run of their own.
    registration = MlflowClient().get_run(version(2).run_id)
    assert registration.info.run_name == "pump registration"
    assert registration.data.metrics == MEASURES

    challenge("pump", 2)
    latest, first = list_versions("pump")
    assert (latest.number, latest.aliases, first.aliases) == (2, (CHALLENGER,), (CHAMPION,))
    assert latest.measures == first.measures == MEASURES

    with pytest.raises(StridorError, match=r"Version 1 .* took no other version's place"):
        roll_back("pump", "a mistake")
    with pytest.raises(StridorError, match="no version 7; it has 1, 2"):
        promote("pump", 7, "it sounds good")
    promote("pump", 2, "it sounds better")
    assert champion() == 2
    assert version(2).tags[PROMOTED].endswith("UTC: it sounds better")
    assert roll_back("pump", "it does not") == (2, 1)
    assert champion() == 1
    assert version(2).tags[WITHDRAWN].endswith("UTC: it does not")
    assert version(1).tags[PROMOTED].endswith("UTC: rolled back from version 2: it does not")
    assert version_with("pump", CHALLENGER).withdrawn
    promote("pump", 2, "on reflection")
    assert not version_with("pump", CHAMPION).withdrawn
    with pytest.raises(StridorError, match=r"no detector 'fan' .* registered are pump"):
        list_versions("fan")


@pytest.mark.slow
def test_a_promotion_that_is_killed_has_moved_the_alias_or_not(project, monkeypatch):
    from mlflow import MlflowClient

    params = tiny_params()
    encoder, banks = write_detector(project, params)
    register_champion("pump", encoder, banks, params, None, MEASURES)
    candidate = candidate_of("pump", params, {"encoder": encoder, "banks": banks}, config_of("pump", params), {})
    assert register(dataclasses.replace(candidate, config=candidate.config | {"system": "other"})) == 2
    calls: list[str] = []
    allowed = 9

    def counted(name):
        real = getattr(MlflowClient, name)

        def call(self, *arguments):
            calls.append(name)
            if len(calls) > allowed:
                raise KeyboardInterrupt
            return real(self, *arguments)

        monkeypatch.setattr(MlflowClient, name, call)

    for name in ("set_model_version_tag", "set_registered_model_alias", "delete_model_version_tag"):
        counted(name)
    seen = []
    for number in range(3):
        calls.clear()
        allowed = number
        with pytest.raises(KeyboardInterrupt):
            promote("pump", 2, "it sounds better")
        seen.append(champion())
    assert seen == [1, 1, 1]
    calls.clear()
    allowed = 9
    promote("pump", 2, "it sounds better")
    assert champion() == 2
    assert calls == ["set_model_version_tag", "set_model_version_tag", "set_registered_model_alias"]


def test_what_answers_hang_on_makes_another_version(project, monkeypatch):
    params = tiny_params()
    encoder, banks = write_detector(project, params)
    files = {"encoder": encoder, "banks": banks}

    def content(**changes):
        return Candidate("pump", files | changes.pop("files", {}), config_of("pump", params) | changes).content_md5

    one = content()
    assert content() == one
    scores = project / "scores.json"
    scores.write_text("[]")
    assert content(files={"scores": scores}) == one
    assert content(system="frozen") != one
    monkeypatch.setattr("stridor.tracking.candidate.code_md5", lambda package: "0" * 32)
    assert content() != one
    monkeypatch.undo()
    (banks / "pump" / "calibration.json").write_text("{}")
    assert content() != one


def test_a_store_without_detectors(project):
    open_store()
    assert registered_detectors() == []
    with pytest.raises(StridorError, match="none is registered yet"):
        list_versions("pump")
