"""An encoder of another family than BEATs goes all the way from clips to a registered detector."""

import json
from pathlib import Path

import numpy as np
import pytest

from stridor.common.errors import StridorError
from stridor.evaluation.official import read_official
from stridor.models.checkpoint import load_encoder, save_encoder
from stridor.models.log_mel import LogMelPatches
from stridor.models.mn04 import Mn04
from stridor.params.sections import NO_CHECKPOINT
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
    assert not LAYOUT.trained.exists()
    open_store()
    client = MlflowClient()
    assert client.search_runs([experiment.experiment_id for experiment in client.search_experiments()]) == []
