"""Made vectors of machines for sweeps."""

from collections.abc import Sequence

import numpy as np

from stridor.evaluation.measures import ScoredClips
from stridor.experiments.sweep.grid import Combination
from stridor.experiments.sweep.score import MachineSweep
from stridor.experiments.sweep.vectors import MachineVectors

TEST_NAMES = tuple(
    f"section_00_{domain}_test_{label}_{i:04}.wav"
    for domain in ("target", "source")
    for label in ("normal", "anomaly")
    for i in range(6)
)


def made_vectors(
    machine: str = "pump", sources: int = 12, targets: int = 5, ways=((-1, "mean"),), width: int = 6
) -> MachineVectors:
    """Make vectors of random clips, anomalies a little off; names are not in alphabetical order."""
    generator = np.random.default_rng(len(machine))
    names = [f"section_00_source_train_normal_{i:04}.wav" for i in range(sources)]
    names += [f"section_00_target_train_normal_{i:04}.wav" for i in range(targets)]
    shift = np.array([["anomaly" in name] for name in TEST_NAMES])
    train = {way: generator.normal(size=(len(names), width)).astype(np.float32) for way in ways}
    test = {way: (generator.normal(size=(len(TEST_NAMES), width)) + shift).astype(np.float32) for way in ways}
    return MachineVectors(machine, tuple(names), TEST_NAMES, train, test)


def made_sweep(machine: str, qualities: Sequence[tuple[Combination, float]]) -> MachineSweep:
    """Make a sweep in which a combination's scores tell anomalies apart the better the higher its quality."""
    generator = np.random.default_rng(len(machine))
    names = sorted(TEST_NAMES)
    anomalous = np.array(["anomaly" in name for name in names])
    noise = generator.normal(size=len(names))
    scores = {one: noise + quality * anomalous for one, quality in qualities}
    domains = ["source" if "source" in name else "target" for name in names]
    labels = ["anomaly" if "anomaly" in name else "normal" for name in names]
    return MachineSweep(ScoredClips(machine, names, domains, labels, noise), scores)
