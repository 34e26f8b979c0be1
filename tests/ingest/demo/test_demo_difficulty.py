"""How hard the demo data is: trivial figures tell nothing, a plain spectrum some, the target is harder."""

import re

import numpy as np
import pytest
import soundfile
from sklearn.metrics import roc_auc_score

from stridor.ingest.demo import MACHINES

pytestmark = pytest.mark.slow

_FRAME, _HOP, _BANDS = 1024, 512, 128
TRIVIAL = {
    "rms": np.std,
    "peak": lambda wave: np.max(np.abs(wave)),
    "offset": np.mean,
    "size of the offset": lambda wave: abs(np.mean(wave)),
    "duration": len,
}


def _mel_filters():
    mel = np.linspace(0.0, 1127.0 * np.log1p(8000.0 / 700.0), _BANDS + 2)
    edges = 700.0 * np.expm1(mel / 1127.0)
    frequencies = np.fft.rfftfreq(_FRAME, 1 / 16_000)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(np.minimum(rising, falling), 0.0)
    # The lowest triangles are narrower than the frequencies lie apart: those take the nearest one.
    for band in np.flatnonzero(filters.sum(axis=1) == 0.0):
        filters[band, np.argmin(np.abs(frequencies - edges[band + 1]))] = 1.0
    return filters


_FILTERS = _mel_filters()


def log_mel_mean(wave):
    """Return the mean over time of the log-mel spectrum, ndarray[128]; wave in [-1, 1], 16 kHz."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, _FRAME)[::_HOP] * np.hanning(_FRAME)
    power = np.abs(np.fft.rfft(frames)) ** 2
    return np.mean(np.log(power @ _FILTERS.T + 1e-10), axis=0)


def auc(normal, anomaly):
    """Return how well a score tells anomalies from normal clips: 0.5 is chance."""
    return roc_auc_score([0] * len(normal) + [1] * len(anomaly), [*normal, *anomaly])


@pytest.fixture(scope="module")
def scores(whole_demo):
    """Every score of every test clip: {machine: {score: {group: values}}}, groups as in the file names."""
    table = {}
    for machine in MACHINES:
        folder = whole_demo / machine
        train = np.array([log_mel_mean(soundfile.read(path)[0]) for path in folder.glob("train/*.wav")])
        table[machine] = {name: {} for name in (*TRIVIAL, "spectrum")}
        for path in sorted(folder.glob("test/*.wav")):
            group = re.search(r"(source|target)_test_(normal|anomaly)", path.name)
            wave, _ = soundfile.read(path)
            for name, score in TRIVIAL.items():
                table[machine][name].setdefault(group.groups(), []).append(score(wave))
            distance = np.min(np.linalg.norm(train - log_mel_mean(wave), axis=1))
            table[machine]["spectrum"].setdefault(group.groups(), []).append(distance)
    return table


def anomalies(groups):
    return groups["source", "anomaly"] + groups["target", "anomaly"]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("score", TRIVIAL)
@pytest.mark.parametrize("domain", ["source", "target"])
def test_no_trivial_figure_tells_anomalies(scores, machine, score, domain):
    groups = scores[machine][score]
    assert 0.4 <= auc(groups[domain, "normal"], anomalies(groups)) <= 0.6


@pytest.mark.parametrize("machine", MACHINES)
def test_a_plain_spectrum_tells_some_and_leaves_room(scores, machine):
    groups = scores[machine]["spectrum"]
    assert 0.55 <= auc(groups["source", "normal"], anomalies(groups)) <= 0.9


def test_the_target_domain_is_harder_but_not_hopeless(scores):
    spectra = [each["spectrum"] for each in scores.values()]
    source, target = (
        np.mean([auc(groups[domain, "normal"], anomalies(groups)) for groups in spectra])
        for domain in ("source", "target")
    )
    assert 0.45 <= target <= 0.75
    assert target < source - 0.05


def test_what_the_spectrum_tells_is_the_fault_and_not_only_the_domain(scores):
    within = [
        auc(groups["spectrum"][domain, "normal"], groups["spectrum"][domain, "anomaly"])
        for groups in scores.values()
        for domain in ("source", "target")
    ]
    assert 0.55 <= np.mean(within) <= 0.8
