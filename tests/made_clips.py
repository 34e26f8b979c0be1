"""Scored clips for tests: from the kit's real files, or made up."""

import csv
from collections.abc import Sequence

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

from kit import kit
from stridor.evaluation.measures import ScoredClips

KIT_MACHINES = ("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve")


def kit_clips(machine: str, decimals: int | None = None) -> ScoredClips:
    """Read a machine of the kit, its scores rounded if asked for."""
    folder = kit("metrics") / "dcase2025_dev"
    with open(folder / f"labels_{machine}_section_00_test.csv", newline="") as file:
        labels = list(csv.DictReader(file))
    with open(folder / f"anomaly_score_{machine}_section_00_test.csv", newline="") as file:
        scores = {name: float(score) for name, score in csv.reader(file)}
    names = [row["file"] for row in labels]
    return ScoredClips(
        machine=machine,
        file_names=names,
        domains=[row["domain"] for row in labels],
        labels=["anomaly" if row["label"] == "1" else "normal" for row in labels],
        scores=[scores[name] if decimals is None else round(scores[name], decimals) for name in names],
    )


def clips_of_groups(groups: dict[tuple[str, str], Sequence[float]], machine: str = "made") -> ScoredClips:
    """Make clips from the scores of each (domain, label)."""
    rows = [(*group, score) for group, scores in groups.items() for score in scores]
    return ScoredClips(
        machine=machine,
        file_names=[f"clip_{i:04}.wav" for i in range(len(rows))],
        domains=[domain for domain, _, _ in rows],
        labels=[label for _, label, _ in rows],
        scores=[score for _, _, score in rows],
    )


def gaussian_clips(
    generator: np.random.Generator, shift: float = 0.9, size: int = 50, machine: str = "made"
) -> ScoredClips:
    """Make clips whose true measures are known: normals N(0, 1) and N(0.4, 1), anomalies N(shift, 1)."""
    return clips_of_groups(
        {
            ("source", "normal"): generator.normal(0.0, 1, size),
            ("target", "normal"): generator.normal(0.4, 1, size),
            ("source", "anomaly"): generator.normal(shift, 1, size),
            ("target", "anomaly"): generator.normal(shift, 1, size),
        },
        machine,
    )


def true_measures(shift: float) -> list[float]:
    """Return AUC source, AUC target and pAUC of the distributions behind `gaussian_clips`."""
    limit = brentq(lambda t: (norm.sf(t) + norm.sf(t - 0.4)) / 2 - 0.1, -5, 8)
    area = quad(lambda t: norm.sf(t - shift) * (norm.pdf(t) + norm.pdf(t - 0.4)) / 2, limit, 12)[0]
    pauc = (1 + (area - 0.005) / (0.1 - 0.005)) / 2
    return [norm.cdf(shift / 2**0.5), norm.cdf((shift - 0.4) / 2**0.5), pauc]
