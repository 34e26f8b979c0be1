"""A machine's bank and calibration on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from stridor.data.manifest import build_manifest
from stridor.params.scoring_sections import BankParams
from stridor.scoring.reference import MachineReference
from tiny import write_pump


def test_round_trip_scores_and_decides_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pump(Path())
    clips = build_manifest(Path("data"), ("pump",)).select("train")
    rng = np.random.default_rng(0)
    reference = MachineReference.fit(rng.standard_normal((len(clips), 5)), clips, BankParams(k=2))
    reference.save(Path("reference"))
    again = MachineReference.load(Path("reference"))
    queries = rng.standard_normal((4, 5))
    assert (again.bank.score_samples(queries) == reference.bank.score_samples(queries)).all()
    assert again.calibration == reference.calibration
    assert again.bank.domains_.count("target") == 2


def test_a_hidden_domain_counts_as_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pump(Path())
    clips = [replace(c, domain=None) for c in build_manifest(Path("data"), ("pump",)).select("train")]
    reference = MachineReference.fit(np.eye(len(clips)), clips, BankParams())
    assert set(reference.bank.domains_) == {"source"}
