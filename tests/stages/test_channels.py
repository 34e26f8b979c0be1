"""Recordings of two microphones: the pipeline hears the one that `audio.channel` names."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from stridor.common.errors import StridorError
from stridor.evaluation.official import read_official
from stridor.stages import augment, autoencoder, evaluate, index, register, train
from stridor.stages.layout import Layout
from tiny_project import params_of, write_params, write_project

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_pictures")]

PLACES = Layout("pump")


def add_far_microphone(data: Path) -> None:
    """Give every clip a second channel: the first one, delayed and under noise."""
    generator = np.random.default_rng(0)
    for clip in sorted(data.rglob("*.wav")):
        near, rate = soundfile.read(clip)
        far = np.clip(0.5 * np.roll(near, 40) + 0.02 * generator.standard_normal(len(near)), -0.99, 0.99)
        soundfile.write(clip, np.stack([near, far], axis=1), rate, subtype="PCM_16")


def scores(project: Path, channel: str | int) -> np.ndarray:
    """Run the pipeline and return what the fine-tuned encoder says of the test clips."""
    write_params(project, audio={"channel": channel}, baselines=["autoencoder_mse", "log_mel"])
    for stage in (augment, train, autoencoder, index, evaluate):
        stage.run(PLACES, params_of())
    systems = ("fine_tuned", "autoencoder_mse", "log_mel")
    return np.concatenate([read_official(PLACES.scores / system, "pump").scores for system in systems])


def test_every_stage_reads_the_given_channel(project):
    write_project(project, "clean")
    alone = scores(project, "mean")
    add_far_microphone(project / "data")
    np.testing.assert_array_equal(scores(project, 0), alone)
    _detector_hears_it_too()
    far, mean = scores(project, 1), scores(project, "mean")
    assert not np.allclose(far, alone, rtol=1e-3)
    assert not np.allclose(mean, alone, rtol=1e-3)
    assert not np.allclose(mean, far, rtol=1e-3)


def _detector_hears_it_too():
    from stridor.serving.detector import Detector

    register.run(PLACES, params_of())
    detector = Detector.load("pump")
    official = read_official(PLACES.scores / "fine_tuned", "pump")
    verdict = detector.score(Path("data/pump/test") / official.file_names[0])
    assert verdict.score == pytest.approx(official.scores[0], abs=1e-5)


def test_a_microphone_that_is_not_there_is_named(project):
    write_project(project)
    add_far_microphone(project / "data")
    write_params(project, audio={"channel": 2})
    with pytest.raises(StridorError, match=r"\.wav has no channel 2; its channels are 0 to 1, set audio\.channel"):
        augment.run(PLACES, params_of())
