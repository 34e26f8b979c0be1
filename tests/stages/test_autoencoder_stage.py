"""The stage `autoencoder`: one autoencoder for each machine, logged, complete or not at all, skipped if not needed."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from stridor.audio.files import write_clip
from stridor.baselines.machine import MachineAutoencoder
from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.data.manifest import Manifest
from stridor.evaluation.official import read_official
from stridor.stages import augment, autoencoder, evaluate, index, train
from stridor.stages.layout import Layout
from stridor.tracking.runs import find_training_run
from tiny import write_pump
from tiny_project import DATA_MD5, params_of, write_params, write_project

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_pictures")]

PLACES = Layout("pump")
FLEET = Layout("fleet")
TOGETHER = {"fleet": {"machines": ["pump", "press"]}}


def run(*stages, layout=PLACES):
    for stage in stages:
        stage.run(layout, params_of(layout.detector))


def runs():
    from mlflow import MlflowClient

    client = MlflowClient()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return client.search_runs(experiments, "tags.kind = 'autoencoder'")


def test_it_writes_the_autoencoder_and_logs_a_run_of_its_own(project):
    from mlflow import MlflowClient

    write_project(project)
    run(augment, autoencoder)
    weights = PLACES.autoencoders / "pump" / "autoencoder.pt"
    [found] = runs()
    assert found.info.run_name == "pump autoencoder"
    assert found.info.status == "FINISHED"
    assert {"detector": "pump", "machine": "pump", "weights_md5": file_md5(weights)}.items() <= found.data.tags.items()
    assert found.data.params == {
        "seed": "1", "audio.channel": "mean", "detector.machines": "pump", "bank.threshold_percentile": "90.0",
        "bank.false_alarm_rate": "0.1",
        "autoencoder.epochs": "2", "autoencoder.batch_size": "32", "autoencoder.learning_rate": "0.001",
        "autoencoder.validation_share": "0.1",
    }  # fmt: skip
    assert found.inputs.dataset_inputs[0].dataset.digest == DATA_MD5
    for name in ("loss/training", "loss/validation"):
        curve = MlflowClient().get_metric_history(found.info.run_id, name)
        assert [metric.step for metric in curve] == [1, 2]
    assert [file.path for file in MlflowClient().list_artifacts(found.info.run_id)] == ["weights"]


def test_its_scores_and_decisions_are_in_the_official_files(evaluated):
    fitted = MachineAutoencoder.load(PLACES.autoencoders / "pump")
    clips = sorted(Manifest.read(PLACES.manifest).select("test"), key=lambda clip: clip.file_name)
    for kind, scores in fitted.score(clips, params_of().audio).items():
        official = read_official(PLACES.scores / f"autoencoder_{kind}", "pump")
        assert list(official.file_names) == [clip.file_name for clip in clips]
        np.testing.assert_allclose(official.scores, scores, rtol=1e-6)
        assert official.decisions.tolist() == (scores > fitted.calibrations[kind].threshold).astype(int).tolist()
    assert not (PLACES.banks / "autoencoder_mse").exists()
    # The training's run has the measures of all systems; the autoencoder's is not taken for it.
    assert find_training_run(file_md5(PLACES.encoder)) not in {found.info.run_id for found in runs()}


def test_machines_that_share_a_detector_have_an_autoencoder_each(project):
    write_project(project)
    write_pump(project, "clean", "press", seed=1)
    write_params(project, detectors=TOGETHER, baselines=["autoencoder_mse"])
    run(augment, autoencoder, layout=FLEET)
    assert sorted(path.name for path in FLEET.autoencoders.iterdir()) == ["press", "pump"]
    assert {found.info.run_name for found in runs()} == {"pump autoencoder", "press autoencoder"}
    together = (FLEET.autoencoders / "pump/autoencoder.pt").read_bytes()
    write_params(project)
    run(augment, autoencoder)
    assert (PLACES.autoencoders / "pump/autoencoder.pt").read_bytes() == together
    write_params(project, detectors=TOGETHER, baselines=["autoencoder_mse"])
    run(train, index, evaluate, layout=FLEET)
    assert json.loads(FLEET.metrics.read_text()).keys() == {"autoencoder_mse", "fine_tuned"}
    assert len(read_official(FLEET.scores / "autoencoder_mse", "press").file_names) == 8


def test_an_unwanted_autoencoder_costs_nothing(project):
    write_project(project, baselines=["log_mel"])
    run(augment, autoencoder)
    assert list(PLACES.autoencoders.iterdir()) == []
    assert runs() == []
    run(train, index, evaluate)
    assert json.loads(PLACES.metrics.read_text()).keys() == {"log_mel", "fine_tuned"}


def test_a_failure_leaves_the_autoencoders_that_were_there(project):
    write_project(project)
    run(augment, autoencoder)
    before = {path: path.read_bytes() for path in PLACES.autoencoders.rglob("*") if path.is_file()}
    clip = Path(Manifest.read(PLACES.manifest).select("train")[3].path)
    write_clip(clip, np.zeros(2_000))
    with pytest.raises(StridorError, match=f"{clip.name} has 2000 samples"):
        run(autoencoder)
    assert {path: path.read_bytes() for path in PLACES.autoencoders.rglob("*") if path.is_file()} == before
    assert sorted(found.info.status for found in runs()) == ["FAILED", "FINISHED"]


def test_evaluation_without_the_stage_is_an_error_with_the_command_to_run(evaluated):
    shutil.rmtree(PLACES.autoencoders)
    shutil.rmtree("results")
    with pytest.raises(StridorError, match=r"autoencoder\.pt is missing; run the autoencoder stage"):
        run(evaluate)
    assert not PLACES.metrics.exists()
