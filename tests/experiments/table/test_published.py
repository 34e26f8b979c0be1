"""Published results, and the data that they are shown for."""

import json

import pytest
from scipy.stats import hmean

from kit import kit
from stridor.data.manifest import Clip, Manifest
from stridor.evaluation.measures import total_score
from stridor.experiments.table.published import PUBLISHED, is_development_set
from stridor.ingest.dcase.years import YEARS

MACHINES = YEARS[2025]["dev"].machines


def manifest(machine: str, tests: int = 50) -> Manifest:
    """Return a machine of the development set as its names would list it."""
    groups = [("train", "source", "normal", None, 990), ("train", "target", "normal", None, 10)]
    groups += [("supplemental", None, "normal", "noise", 100)]
    groups += [("test", d, label, None, tests) for d in ("source", "target") for label in ("normal", "anomaly")]
    return Manifest(
        tuple(
            Clip(f"{split}/{domain}_{label}_{i}.wav", machine, split, "00", domain, label, kind, "", 10.0, 16000, 1, "")
            for split, domain, label, kind, count in groups
            for i in range(count)
        )
    )  # fmt: skip


def test_the_development_set_is_recognised_by_all_its_counts():
    whole = [manifest(machine) for machine in MACHINES]
    assert is_development_set(whole)
    assert not is_development_set(whole[1:])
    assert not is_development_set([*whole[:-1], manifest("grinder")])
    assert not is_development_set([*whole[:-1], manifest(MACHINES[-1], tests=15)])


@pytest.mark.parametrize("key", ["autoencoder_mse", "autoencoder_mahalanobis", "full"])
def test_printed_totals_are_the_harmonic_means_of_the_cells(key):
    published = PUBLISHED[key]
    assert 100 * total_score(published.machines.values()) == pytest.approx(published.total, abs=0.021)


def test_every_cell_is_that_of_the_report():
    cells = json.loads((kit("metrics") / "seed_table1.json").read_text())["cells"]
    keys = {"autoencoder_mse": "Baseline (MSE)", "autoencoder_mahalanobis": "Baseline (MAHALA)", "full": "Ours"}
    for key, theirs in keys.items():
        assert PUBLISHED[key].machines.keys() == cells[theirs].keys()
        for machine, measures in PUBLISHED[key].machines.items():
            for name, value in cells[theirs][machine].items():
                assert 100 * getattr(measures, name) == pytest.approx(value)
    assert hmean([v for one in cells["Ours"].values() for v in one.values()]) == pytest.approx(57.81, abs=0.005)
