"""An encoder of another family than BEATs goes all the way from clips to a registered detector."""

import json
from pathlib import Path

import numpy as np
import pytest

from stridor.audio.files import read_clip
from stridor.common.errors import StridorError
from stridor.data.manifest import Manifest
from stridor.evaluation.official import read_official
from stridor.models.checkpoint import load_encoder, save_encoder
from stridor.models.log_mel import LogMelPatches
from stridor.models.mn04 import Mn04
from stridor.params.scoring_sections import EmbeddingParams
from stridor.params.sections import NO_CHECKPOINT
from stridor.scoring.embedding import EncoderEmbedder
from stridor.stages import augment, evaluate, index, register, train
from stridor.stages.layout import Layout
from stridor.tracking.store import open_store
from tiny_project import VALUES, params_of, write_params, write_project

LAYOUT = Layout("pump")
SPECTRUM = {
    "encoder": {"checkpoint": NO_CHECKPOINT, "preset": "log_mel"},
    "embedding": {"layer": 0, "pooling": "bands"},
    "training": VALUES["training"] | {"stage_one": {"epochs": 0}, "stage_two": {"epochs": 0}},
    "baselines": ["log_mel", "random", "frozen"],
}


def run(*stages):
    for stage in stages:
        stage.run(LAYOUT, params_of())


@pytest.mark.slow
@pytest.mark.usefixtures("blank_pictures")
def test_an_encoder_without_weights_is_indexed_evaluated_registered_and_served(project):
    from stridor.serving.detector import Detector

    write_project(project, **SPECTRUM)
    run(augment, train, index, evaluate, register)
    assert isinstance(load_encoder(LAYOUT.encoder), LogMelPatches)
    # Without training both are one encoder, and without weights to draw there is no random one.
    assert json.loads(LAYOUT.metrics.read_text()).keys() == {"log_mel", "frozen", "fine_tuned"}
    official, frozen = (read_official(LAYOUT.scores / system, "pump") for system in ("fine_tuned", "frozen"))
    np.testing.assert_array_equal(official.scores, frozen.scores)
    detector = Detector.load("pump")
    for name, score in zip(official.file_names, official.scores, strict=True):
        verdict = detector.score(Path("data/pump/test") / name)
        assert verdict.score == pytest.approx(score, abs=1e-5)
        assert "_train_normal_" in verdict.nearest


JOINED_WITH_MN04 = SPECTRUM | {
    "encoder": {"checkpoint": "mn04.pt"},
    "embedding": {"layer": -1, "pooling": "bands"},
    "bank": VALUES["bank"]
    | {"metric": "whitened", "views": [{"encoder": "log_mel", "pooling": "mean_std"}, {"encoder": "frozen"}]},
    "baselines": ["frozen"],
}


@pytest.mark.slow
@pytest.mark.usefixtures("blank_pictures")
def test_an_encoder_that_does_not_learn_is_joined_evaluated_registered_enrolled_and_explained(project):
    from stridor.explanation.explain import Explainer
    from stridor.operation.enrolment import enrol
    from stridor.serving.detector import Detector

    write_project(project, **JOINED_WITH_MN04)
    save_encoder(Mn04().with_random_weights(0), Path("mn04.pt"))
    run(augment, train, index, evaluate, register)
    assert json.loads(LAYOUT.metrics.read_text()).keys() == {"frozen", "fine_tuned", "joined"}
    official = read_official(LAYOUT.scores / "joined", "pump")
    assert np.isfinite(official.scores).all()
    detector = Detector.load("pump")
    clips = [Path("data/pump/test") / name for name in official.file_names]
    scores = [detector.score(clip).score for clip in clips]
    np.testing.assert_allclose(scores, official.scores, rtol=1e-4)
    assert Explainer.load("pump").explain(clips[0]).separated is None
    standing, _ = enrol("press", [Path("data/pump/train")], checkpoint=Path("mn04.pt"))
    assert standing.version == 1
    assert np.isfinite(Detector.load("press").score(clips[0]).score)
    # Trained it is not.
    write_params(project, **JOINED_WITH_MN04 | {"training": VALUES["training"]})
    with pytest.raises(StridorError, match=r"'mn04' has nothing to train; set training\.stage_one\.epochs"):
        run(train)


WITH_TAGGER = {
    "tagger": {"checkpoint": "mn04.pt"},
    # Not a layer of the tagger, which has none.
    "embedding": {"layer": 1, "pooling": "bands"},
    "training": SPECTRUM["training"],
    "bank": VALUES["bank"]
    | {"metric": "whitened", "views": [{"encoder": "log_mel", "pooling": "mean_std"}, {"encoder": "tagger"}]},
    "baselines": ["tagger"],
}


@pytest.mark.slow
def test_a_tagger_beside_the_encoder_is_scored_joined_registered_and_enrolled(project):
    from stridor.operation.enrolment import enrol
    from stridor.serving.detector import Detector
    from stridor.tracking.model_files import opened_model

    write_project(project, **WITH_TAGGER)
    with pytest.raises(StridorError, match=r"mn04\.pt is not the file of an encoder; put one there, or set tagger"):
        run(augment, train, index)
    tagger = Mn04().with_random_weights(0)
    save_encoder(tagger, Path("mn04.pt"))
    run(index, evaluate, register)
    assert json.loads(LAYOUT.metrics.read_text()).keys() == {"tagger", "fine_tuned", "joined"}
    alone, joined = (read_official(LAYOUT.scores / system, "pump") for system in ("tagger", "joined"))
    assert not np.allclose(alone.scores, joined.scores)
    detector = Detector.load("pump")
    clips = [Path("data/pump/test") / name for name in joined.file_names]
    np.testing.assert_allclose([detector.score(clip).score for clip in clips], joined.scores, rtol=1e-4)
    with opened_model("pump") as (artifacts, config):
        assert artifacts.keys() == {"tagger", "banks", "scores"}
        assert config["origin"]["encoder"] == "mn04.pt"
    by_itself = EncoderEmbedder(tagger, EmbeddingParams(pooling="bands"))
    bank = np.load(LAYOUT.banks / "tagger/pump/embeddings.npy")
    waves = [read_clip(LAYOUT.base / clip.path) for clip in Manifest.read(LAYOUT.manifest).select("train", "pump")]
    np.testing.assert_allclose(by_itself.embed(waves), bank, rtol=1e-4, atol=1e-5)
    # From the registered detector, and from params.yaml.
    for name, basis in (("press", {"detector": "pump"}), ("saw", {})):
        enrol(name, [Path("data/pump/train")], **basis)
        assert np.isfinite(Detector.load(name).score(clips[0]).score)
    with pytest.raises(
        StridorError, match=r"No view of bank\.views in params\.yaml is by the encoder tiny\.pt; add one"
    ):
        enrol("drill", [Path("data/pump/train")], checkpoint=Path("tiny.pt"))


def test_a_checkpoint_file_decides_the_family(project):
    write_project(project, **SPECTRUM | {"encoder": {"checkpoint": "spectrum.pt"}})
    save_encoder(LogMelPatches(), Path("spectrum.pt"))
    run(augment, train, index)
    assert isinstance(load_encoder(LAYOUT.encoder), LogMelPatches)
    assert (LAYOUT.banks / "random").exists()


def test_an_encoder_without_weights_cannot_be_trained_and_leaves_no_run(project):
    from mlflow import MlflowClient

    write_project(project, **SPECTRUM | {"training": VALUES["training"]})
    run(augment)
    with pytest.raises(StridorError, match=r"'log_mel' has nothing to train; set training\.stage_one\.epochs"):
        run(train)
    # Nor is it compared layer by layer.
    write_params(project, **SPECTRUM | {"decoder": VALUES["decoder"] | {"target": "representation"}})
    with pytest.raises(StridorError, match=r"'log_mel' has no layers .* set decoder\.target to log_mel"):
        run(train)
    assert not LAYOUT.trained.exists()
    open_store()
    client = MlflowClient()
    assert client.search_runs([experiment.experiment_id for experiment in client.search_experiments()]) == []
