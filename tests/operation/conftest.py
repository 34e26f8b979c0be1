"""A project with a registered detector of one tiny machine, and recordings of another."""

import numpy as np
import pytest
import soundfile as sf

from mlflow_project import in_project, register_champion, wave, write_detector
from tiny import tiny_params
from tiny_model import write_model


@pytest.fixture(scope="module")
def plant(tmp_path_factory, empty_database):
    """The root of a project in which the detector pump is registered, as working directory."""
    with in_project(tmp_path_factory.mktemp("plant"), empty_database) as root:
        params = tiny_params(embedding={"layer": 1, "pooling": "bands"}, bank={"metric": "whitened"})
        encoder, banks = write_detector(root, params)
        register_champion("pump", encoder, banks, params, None, {})
        yield root


@pytest.fixture(scope="session")
def record():
    """A function that writes humming recordings of 1.2 s, unlike each other, into a folder."""

    def write(folder, numbers, hum_hz=500, suffix=".wav", seconds=1.2):
        folder.mkdir(parents=True, exist_ok=True)
        for number in numbers:
            tuned = hum_hz + 20 * np.sin(number)
            sf.write(folder / f"shift_{number:02d}{suffix}", wave(number, int(16000 * seconds), tuned), 16000)
        return folder

    return write


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """The folder of a detector that learnt six humming clips of half a second."""
    return write_model(tmp_path_factory.mktemp("model"), bank={"false_alarm_rate": 0.001})


@pytest.fixture(scope="session")
def sound():
    """A function that writes a recording of half a second, normal or not, at once and whole."""

    def write(path, number, odd=False):
        # Near to a clip that was learnt, or a roar.
        rng, near = np.random.default_rng(number), number % 6
        samples = 6000 + 371 * near
        noise = rng.standard_normal(samples)
        made = 0.1 * noise if odd else wave(near, samples, 300) + 0.001 * noise
        sf.write(path.with_suffix(".tmp"), made, 16000, format="WAV")
        path.with_suffix(".tmp").rename(path)
        return path

    return write
