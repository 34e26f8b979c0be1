"""Complete studies: worker processes, parent run, report, and applied values."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from forked_python.blank_pictures import VARIABLE
from stridor.common.compute import cores
from stridor.common.errors import StridorError
from stridor.experiments.tuning.run_study import TuneOptions, detector_of, tune
from stridor.experiments.tuning.study import open_study
from stridor.params import Params, read_params
from tiny_project import DATA_MD5
from tiny_study import spec_of, write_study

pytestmark = pytest.mark.slow


def all_runs():
    client = MlflowClient()
    return client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])


def test_a_study_of_two_workers_goes_on_and_its_values_are_applied(project, forked_python, monkeypatch, capfd):
    forked_python.replace(monkeypatch)
    monkeypatch.setenv(VARIABLE, "1")  # the study's own pictures are drawn here
    write_study(project, threads="auto", pruner="none")
    before = Path("params.yaml").read_text()
    tune("pump", read_params(), TuneOptions(trials=2, jobs=2))
    tune("pump", read_params().replaced({"compute.threads": 1}), TuneOptions(trials=3))
    said = capfd.readouterr().out
    assert f"2 worker(s) with {max(cores() // 2, 1)} thread(s) each" in said
    assert "1 worker(s) with 1 thread(s) each" in said
    spec = spec_of(f"sqlite:///{project}/optuna.db", **{"tune.pruner": "none"})
    study = open_study(type(spec)(spec.detector, spec.space, DATA_MD5, spec.storage))
    trials = study.get_trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 3
    assert len({str(trial.params) for trial in trials}) == 3
    runs = all_runs()
    assert {run.info.status for run in runs} == {"FINISHED"}
    [parent] = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert {run.info.run_id for run in children} == {trial.user_attrs["mlflow_run_id"] for trial in trials}
    assert parent.data.metrics["best_value"] == pytest.approx(study.best_value)
    kept = {file.path for file in MlflowClient().list_artifacts(parent.info.run_id, "study")}
    assert {"study/study.md", "study/trials.csv", "study/history.png"} <= kept
    page = Path("reports/tune/pump/study.md").read_text()
    assert "| held-back half |" in page
    assert "0 (general values)" in page
    assert Path("params.yaml").read_text() == before
    assert "tuning half" in said
    tune("pump", read_params(), TuneOptions(trials=0, write=True, force=True))
    best = study.best_trial
    applied = read_params().for_detector("pump")
    assert applied.training.learning_rate == spec.space.values(best)["training.learning_rate"]
    # What was applied is no part of which study it is: the same command finds it again, and changes nothing.
    tune("pump", read_params(), TuneOptions(trials=0, write=True, force=True))
    assert "has these values already" in capfd.readouterr().out
    assert len(all_runs()) == len(runs)


def test_without_a_finished_trial_there_is_nothing_to_apply(project):
    write_study(project)
    with pytest.raises(StridorError, match="has no finished trial"):
        tune("pump", read_params(), TuneOptions(trials=0, write=True))
    assert {run.info.status for run in all_runs()} == {"FAILED"}


def test_too_few_labelled_clips_are_an_error_before_anything_starts(project):
    write_study(project, tests=3)
    with pytest.raises(StridorError, match="objective: normal_only"):
        tune("pump", read_params(), TuneOptions(trials=1))
    assert not Path("optuna.db").exists()


def test_a_machine_names_its_detector():
    params = Params(detectors={"valve": {"machines": ["valve"]}, "fleet": {"machines": ["fan", "pump"]}})
    assert detector_of("valve", params) == "valve"
    with pytest.raises(StridorError, match=r"shares the detector 'fleet' .* --detector fleet"):
        detector_of("pump", params)
    with pytest.raises(StridorError, match="listens to 'saw'; its machines are fan, pump, valve"):
        detector_of("saw", params)
