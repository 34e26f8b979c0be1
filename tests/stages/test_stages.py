"""The stages one after the other on a tiny machine, and what they say where they cannot go on."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from stridor.audio.files import write_clip
from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.evaluation.measures import ScoredClips, measure, total_score
from stridor.evaluation.official import read_official
from stridor.models.checkpoint import load_encoder
from stridor.stages import augment, autoencoder, evaluate, index, register, summary, train
from stridor.stages.layout import Layout
from stridor.tracking.runs import find_training_run
from tiny_project import DATA_MD5, VALUES, params_of, write_params, write_project

pytestmark = pytest.mark.slow

PLACES = Layout("pump")
UPSTREAM = (augment, train, autoencoder, index, evaluate)


def run(*stages):
    for stage in stages:
        stage.run(PLACES, params_of())


def test_the_whole_way_from_clips_to_a_registered_detector(evaluated):
    from mlflow import MlflowClient

    from stridor.serving.detector import Detector

    run(register)
    summary.run(params_of())
    client = MlflowClient()
    found = client.get_run(find_training_run(file_md5(PLACES.encoder)))
    assert found.info.status == "FINISHED"
    assert found.inputs.dataset_inputs[0].dataset.digest == DATA_MD5
    assert found.data.params["training.learning_rate"] == "0.002"
    losses = client.get_metric_history(found.info.run_id, "loss/total")
    assert [metric.step for metric in losses] == [1, 2, 3]
    assert {"fine_tuned/hmean", "frozen/hmean", "gradient_norm", "clips_per_second"} <= found.data.metrics.keys()
    kept = {file.path for file in client.list_artifacts(found.info.run_id, "figures")}
    assert kept == {"figures/separation.png", "figures/pump_roc.png", "figures/pump_scores.png"}
    detector = Detector.load("pump")
    challenge_threshold = detector.references["pump"].calibration.threshold
    official = read_official(PLACES.scores / "fine_tuned", "pump")
    for name, score, decision in zip(official.file_names, official.scores, official.decisions, strict=True):
        verdict = detector.score(Path("data/pump/test") / name)
        assert verdict.score == pytest.approx(score, abs=1e-5)
        # The official decision follows the challenge's rule, the detector's its promise.
        assert decision == (score > challenge_threshold)
        assert verdict.anomalous == (verdict.p_value <= 0.1)


def test_metrics_are_those_of_the_official_files(evaluated):
    metrics = json.loads(PLACES.metrics.read_text())
    for system in (*VALUES["baselines"], "fine_tuned"):
        official = read_official(PLACES.scores / system, "pump")
        clips = ScoredClips(
            "pump",
            official.file_names,
            ["source" if "_source_" in name else "target" for name in official.file_names],
            ["anomaly" if "_anomaly_" in name else "normal" for name in official.file_names],
            official.scores,
        )
        assert metrics[system]["hmean"] == pytest.approx(total_score([measure(clips)]), abs=1e-6)
        assert metrics[system]["hmean_low"] <= metrics[system]["hmean"] <= metrics[system]["hmean_high"]


@pytest.mark.usefixtures("blank_pictures")
def test_frozen_is_the_encoder_that_training_started_from(evaluated):
    frozen, tuned = (read_official(PLACES.scores / s, "pump").scores for s in ("frozen", "fine_tuned"))
    assert not np.allclose(frozen, tuned)
    shutil.copy("tiny.pt", PLACES.encoder)
    run(index, evaluate)
    np.testing.assert_array_equal(read_official(PLACES.scores / "fine_tuned", "pump").scores, frozen)


@pytest.mark.usefixtures("blank_pictures")
def test_stage_one_is_the_encoder_that_a_training_without_stage_two_ends_with(evaluated):
    scores = read_official(PLACES.scores / "stage_one", "pump").scores
    assert not np.allclose(scores, read_official(PLACES.scores / "fine_tuned", "pump").scores)
    write_params(evaluated, training=VALUES["training"] | {"stage_two": {"epochs": 0}})
    run(train, index, evaluate)
    np.testing.assert_array_equal(read_official(PLACES.scores / "fine_tuned", "pump").scores, scores)
    assert not PLACES.stage_one.exists()
    assert "stage_one" not in json.loads(PLACES.metrics.read_text())


def test_stages_write_the_same_bytes_again(evaluated):
    files = [p for p in sorted(Path().rglob("*")) if p.is_file() and p.parts[0] in ("artifacts", "results")]
    before = {path: path.read_bytes() for path in files}
    run(*UPSTREAM)
    assert [path for path in files if path.read_bytes() != before[path]] == []


def test_the_weights_load_as_a_beats_checkpoint_and_nothing_to_resume_is_left(evaluated):
    assert load_encoder(PLACES.encoder).config == load_encoder(Path("tiny.pt")).config
    assert "cells.weight" in torch.load(PLACES.separator, weights_only=True)
    assert not PLACES.resume.exists()
    curves = pd.read_csv(PLACES.curves)
    assert curves["stage"].tolist() == [1, 1, 2]
    separation = json.loads(PLACES.separation.read_text())
    assert list(separation) == [f"pump at {snr} dB" for snr in ("-5", "+0", "+5", "+10")]


def test_the_summary_puts_all_systems_side_by_side(evaluated, capsys):
    summary.run(params_of())
    head, *printed = capsys.readouterr().out.splitlines()
    assert head.split() == ["system", "total", "95", "%", "interval"]
    assert [line[:26].strip() for line in printed[-3:-1]] == ["stage one only", "fine-tuned"]
    text = Path("reports/summary.md").read_text()
    names = "autoencoder, MSE | autoencoder, Mahalanobis | log-mel mean | log-mel Mahalanobis | random encoder"
    assert f"| machine | measure | {names} | frozen encoder | stage one only | fine-tuned |" in text
    assert "95 % bootstrap intervals" in text
    measured = json.loads(PLACES.metrics.read_text())["fine_tuned"]
    counts = [
        f"{measured[f'served_false_alarms_{one}']} of {measured[f'normals_{one}']}" for one in ("source", "target")
    ]
    row = next(line for line in text.splitlines() if line.startswith("| fine-tuned |"))
    assert [cell.split(",")[0].strip() for cell in row.split("|")[2:4]] == counts
    assert "where 10 % are promised" in text
    metrics = json.loads(Path("reports/metrics.json").read_text())
    assert metrics["frozen"]["total"] == json.loads(PLACES.metrics.read_text())["frozen"]["hmean"]
    assert len(pd.read_csv("reports/summary.csv")) == 4


@pytest.mark.usefixtures("blank_pictures")
@pytest.mark.parametrize("kind", ["clean", "none"])
def test_other_kinds_of_supplements_work(project, kind):
    write_project(project, kind)
    run(augment, train)
    assert PLACES.encoder.exists()


@pytest.mark.usefixtures("blank_pictures")
def test_scoring_options_reach_index_evaluation_and_the_registered_detector(evaluated):
    from stridor.serving.detector import Detector

    literal = read_official(PLACES.scores / "fine_tuned", "pump").scores
    write_params(
        evaluated,
        embedding={"layer": 1, "pooling": "bands"},
        bank={"metric": "cosine", "target_oversampling": 0.4, "domains": "separate"},
    )
    run(index, evaluate, register)
    official = read_official(PLACES.scores / "fine_tuned", "pump")
    assert not np.allclose(official.scores, literal)
    detector = Detector.load("pump")
    for name, score in zip(official.file_names, official.scores, strict=True):
        verdict = detector.score(Path("data/pump/test") / name)
        assert verdict.score == pytest.approx(score, abs=1e-5)
        assert "_train_normal_" in verdict.nearest


@pytest.mark.usefixtures("blank_pictures")
def test_joined_views_are_one_registered_detector(evaluated):
    from stridor.serving.detector import Detector

    views = [
        {"encoder": "log_mel", "pooling": "quantiles", "metric": "whitened"},
        {"encoder": "frozen", "layer": 1, "pooling": "bands"},
        {"encoder": "fine_tuned", "metric": "cosine"},
    ]
    write_params(evaluated, bank=VALUES["bank"] | {"views": views}, baselines=["frozen"])
    run(index, evaluate, register)
    summary.run(params_of())
    assert list(json.loads(PLACES.metrics.read_text())) == ["frozen", "fine_tuned", "joined"]
    assert "Joined views minus, on the same resampled clips: frozen encoder" in Path("reports/summary.md").read_text()
    # All that is needed travels with the model.
    for path in (Path("tiny.pt"), PLACES.encoder, PLACES.banks):
        path.rename(path.with_name(f"{path.name}.gone"))
    detector = Detector.load("pump")
    official = read_official(PLACES.scores / "joined", "pump")
    for name, score, decision in zip(official.file_names, official.scores, official.decisions, strict=True):
        verdict = detector.score(Path("data/pump/test") / name)
        assert verdict.score == pytest.approx(score, abs=1e-5)
        assert verdict.anomalous == bool(decision)
        assert "_train_normal_" in verdict.nearest


def test_every_system_can_be_served_and_answers_as_it_was_measured(evaluated):
    from stridor.serving.detector import Detector
    from stridor.stages.served import config_of, files_of
    from stridor.stages.systems import systems_of

    params = params_of()
    clips = sorted(Path("data/pump/test").iterdir())[:4]
    for system in systems_of(params):
        detector = Detector.from_files(files_of(system, PLACES, params, evaluated), config_of(system, params))
        official = read_official(PLACES.scores / system, "pump")
        scores = dict(zip(official.file_names, official.scores, strict=True))
        for clip in clips:
            verdict = detector.score(clip)
            assert verdict.score == pytest.approx(scores[clip.name], rel=1e-5, abs=1e-5), system
            assert bool(verdict.nearest) == (not system.startswith("autoencoder"))


@pytest.mark.usefixtures("blank_pictures")
def test_the_best_system_is_registered_compared_and_described(evaluated, capsys):
    from mlflow import MlflowClient

    from stridor.operation.enrolment import enrol
    from stridor.serving.detector import Detector
    from stridor.serving.onnx_export import export_detector

    run(register)
    printed = capsys.readouterr().out
    assert "pump: fine-tuned, without bank.views" in printed
    assert "there was no champion" in printed
    write_params(evaluated, register={"system": "autoencoder_mse"})
    run(register)
    assert "version 2" in capsys.readouterr().out
    write_params(evaluated, register={"system": "best"})
    run(register)
    found = json.loads(PLACES.registered.read_text())
    # Two test clips of each kind put no interval on anybody's side.
    assert found["system"] == "log_mel"
    latest = MlflowClient().get_model_version("stridor-pump", "3")
    assert latest.tags["system"] == "log_mel"
    assert latest.tags["data_md5"] == DATA_MD5
    for part in ("**System**: log_mel (the simplest;", "- pump: 10 of source and 2 of target", "by 8 test clips",
                 "Licence: no weights"):  # fmt: skip
        assert part in latest.description
    served = Detector.load("models:/stridor-pump/2")
    assert served.score(sorted(Path("data/pump/test").iterdir())[0]).nearest == ""
    with pytest.raises(StridorError, match="autoencoder, which has no ONNX form"):
        export_detector(served, evaluated / "onnx")
    with pytest.raises(StridorError, match="is an autoencoder, which has to be trained"):
        enrol("press", [Path("data/pump/train")], "models:/stridor-pump/2")


@pytest.mark.usefixtures("blank_pictures")
def test_an_interrupted_training_goes_on_with_its_run(project, monkeypatch):
    from mlflow import MlflowClient

    write_project(project)
    run(augment)
    real = train.fine_tune

    def interrupted(encoder, data, params, fabric, resume, on_epoch):
        def until_the_second(epoch, encoder):
            on_epoch(epoch, encoder)
            if epoch.number == 2:
                raise KeyboardInterrupt

        return real(encoder, data, params, fabric, resume, until_the_second)

    monkeypatch.setattr(train, "fine_tune", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(train)
    run_id = (PLACES.resume / "run_id").read_text()
    assert MlflowClient().get_run(run_id).info.status == "KILLED"
    assert not PLACES.trained.exists()
    monkeypatch.setattr(train, "fine_tune", real)
    run(train)
    assert find_training_run(file_md5(PLACES.encoder)) == run_id
    assert MlflowClient().get_run(run_id).info.status == "FINISHED"


@pytest.mark.usefixtures("blank_pictures")
def test_a_training_that_had_ended_before_dvc_recorded_it_is_not_repeated(project, monkeypatch):
    from mlflow import MlflowClient

    write_project(project)
    run(augment, train)
    before = {path: path.read_bytes() for path in PLACES.trained.iterdir()}
    run_id = find_training_run(file_md5(PLACES.encoder))
    # DVC removes the outputs before it runs a stage again.
    shutil.rmtree(PLACES.trained)
    monkeypatch.setattr("stridor.training.fit._train_epoch", None)
    run(train)
    assert {path: path.read_bytes() for path in PLACES.trained.iterdir()} == before
    [only] = MlflowClient().search_runs(["1"], "tags.kind = 'training'")
    assert (only.info.run_id, only.info.status) == (run_id, "FINISHED")
    assert PLACES.resume.exists()
    run(index)
    assert not PLACES.resume.exists()


@pytest.mark.usefixtures("blank_pictures")
def test_a_machine_without_test_clips_cannot_be_evaluated_but_registered(project):
    from stridor.serving.detector import Detector

    write_project(project)
    clip = sorted(Path("data/pump/test").iterdir())[0].rename("elsewhere.wav")
    shutil.rmtree("data/pump/test")
    with pytest.raises(StridorError, match="'pump' does not exist yet"):
        run(register)
    run(augment, train, index)
    with pytest.raises(StridorError, match="'pump' has no test clips"):
        run(evaluate)
    assert not PLACES.metrics.exists()
    run(register)
    assert Detector.load("pump").score(clip).score > 0


@pytest.mark.parametrize(
    ("breakage", "message"),
    [
        (lambda: write_clip(Path("data/pump/train/whatever.wav"), np.ones(5_000) / 2), "whatever.wav does not parse"),
        (lambda: Path("data/pump/train/section_00_source_train_normal_0099.wav").write_text("text"), "0099"),
        (lambda: shutil.rmtree("data/pump"), "data/pump is missing"),
        (lambda: shutil.rmtree("data/pump/train"), "contains no normal clips"),
        (lambda: [p.unlink() for p in sorted(Path("data/pump/train").iterdir())[1:]], "contains 1 normal clips"),
        (lambda: write_clip(Path("data/pump/test/section_00_0001.wav"), np.ones(2_799) / 2), "lasts 0.1749 s"),
    ],
)
def test_bad_clips_stop_the_first_stage_and_leave_nothing(project, breakage, message):
    write_project(project)
    breakage()
    with pytest.raises(StridorError, match=message):
        run(augment)
    assert not PLACES.manifest.exists()


def test_a_missing_checkpoint_is_named(project):
    write_project(project)
    run(augment)
    write_params(project, encoder={"checkpoint": "absent.pt"})
    with pytest.raises(StridorError, match=r"absent\.pt is missing"):
        run(train)
    assert not PLACES.trained.exists()


def test_a_full_disk_leaves_no_half_written_weights(project, monkeypatch):
    write_project(project)
    run(augment)

    def full(*_, **__):
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr(train, "save_encoder", full)
    with pytest.raises(OSError, match="No space left"):
        run(train)
    assert not PLACES.trained.exists()
    assert [path for path in PLACES.artifacts.iterdir() if "unfinished" in path.name] == []
