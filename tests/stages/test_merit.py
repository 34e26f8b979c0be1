"""Which system is served, by the rule of the documents."""

import numpy as np
import pytest

from stridor.common.errors import StridorError
from stridor.evaluation.measures import ScoredClips
from stridor.stages.merit import ahead_of, choose
from tiny import tiny_params


def scored(separation: float, seed: int = 0, clips: int = 30) -> list[ScoredClips]:
    """Scores of normals and anomalies of both domains, so many standard deviations apart."""
    rng = np.random.default_rng(seed)
    groups = [(domain, label) for domain in ("source", "target") for label in ("normal", "anomaly")]
    names, domains, labels, scores = [], [], [], []
    for domain, label in groups:
        for i in range(clips):
            names.append(f"section_00_{domain}_test_{label}_{i:04d}.wav")
            domains.append(domain)
            labels.append(label)
            scores.append(rng.standard_normal() + separation * (label == "anomaly"))
    return [ScoredClips("pump", names, domains, labels, np.array(scores))]


def params(system: str = "best", **bank):
    return tiny_params(register={"system": system}, bank=bank, encoder={"checkpoint": "some.pt"})


def test_the_simplest_holds_until_another_is_ahead_with_the_interval_on_its_side():
    found = choose(params(), {"log_mel": scored(1.0), "frozen": scored(1.1, 1), "fine_tuned": scored(1.05, 2)})
    assert found.system == "log_mel"
    found = choose(params(), {"log_mel": scored(1.0), "frozen": scored(3.0, 1), "fine_tuned": scored(3.1, 2)})
    assert (found.system, found.why.split(" by ")[0]) == ("frozen", "ahead of log-mel mean")
    # What is less simple does not win by being last.
    assert choose(params(), {"frozen": scored(3.0), "fine_tuned": scored(0.5)}).system == "frozen"
    assert choose(params(), {"frozen": scored(0.2), "fine_tuned": scored(3.0)}).system == "fine_tuned"


def test_intervals_are_widened_for_the_number_of_comparisons(monkeypatch):
    from stridor.stages import merit

    used = []
    real = merit.bootstrap_difference

    def spied(first, second, resamples, confidence, seed):
        used.append(confidence)
        return real(first, second, resamples, confidence, seed)

    monkeypatch.setattr(merit, "bootstrap_difference", spied)
    names = ("log_mel", "log_mel_mahalanobis", "autoencoder_mse", "frozen", "fine_tuned")
    choose(params(), dict.fromkeys(names, scored(1.0)))
    assert used == pytest.approx([1 - 0.05 / 4] * 4)


def test_random_weights_are_never_chosen_and_nothing_measured_is_the_simplest():
    assert choose(params(), {"random": scored(5.0), "frozen": scored(0.0)}).system == "frozen"
    found = choose(params(), {})
    assert (found.system, found.why) == ("log_mel", "the simplest; nothing was measured")


def test_systems_by_name_and_what_would_be_ahead_of_them():
    rows = {"log_mel": scored(3.0), "fine_tuned": scored(0.2, 1)}
    assert choose(params("configured"), rows).system == "fine_tuned"
    views = {"views": [{"encoder": "log_mel", "pooling": "quantiles"}]}
    assert choose(params("configured", **views), rows).system == "joined"
    assert choose(params("autoencoder_mse"), rows).system == "autoencoder_mse"
    [better] = ahead_of("fine_tuned", rows, params())
    assert better.startswith("log-mel mean by ")
    assert ahead_of("log_mel", rows, params()) == []


def test_a_system_that_is_not_scored_cannot_be_named():
    with pytest.raises(ValueError, match=r"register\.system is joined, but bank\.views is empty"):
        params("joined")
    with pytest.raises(ValueError, match="frozen, which is not among the baselines"):
        tiny_params(register={"system": "frozen"}, baselines=["log_mel"])
    with pytest.raises(StridorError, match="register"):
        params().replaced({"register.system": "whatever"})
