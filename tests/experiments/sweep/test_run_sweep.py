"""From clips to the report of a sweep, without training."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from mlflow_project import in_project
from stridor.common.errors import StridorError
from stridor.data.manifest import Manifest
from stridor.experiments.sweep import pool
from stridor.experiments.sweep.grid import LITERAL, combinations
from stridor.experiments.sweep.run_sweep import sweep
from stridor.experiments.sweep.vectors import POOLED, MachineVectors
from stridor.models.checkpoint import load_encoder, save_encoder
from stridor.params import read_params
from stridor.scoring.embedding import EncoderEmbedder
from stridor.stages import augment
from stridor.stages.layout import Layout
from tiny import tiny_encoder, write_pump
from tiny_project import params_of, write_project

MACHINES = ("pump", "press")


@pytest.fixture(scope="module")
def embedded_once(tmp_path_factory):
    """Two machines with encoders that stand for trained ones, embedded for the sweep; to be copied."""
    with in_project(tmp_path_factory.mktemp("embedded")) as root:
        write_project(root, detectors={name: {"machines": [name]} for name in MACHINES})
        write_pump(root, machine="press", seed=1)
        for machine in MACHINES:
            layout = Layout(machine)
            augment.run(layout, params_of(machine))
            layout.trained.mkdir()
            save_encoder(tiny_encoder(seed=7), layout.encoder)
            pool.run(layout, params_of(machine))
    return root


@pytest.fixture
def embedded(embedded_once, tmp_path, monkeypatch):
    root = shutil.copytree(embedded_once, tmp_path / "project")
    monkeypatch.chdir(root)
    return root


def test_stored_vectors_are_the_embeddings_that_the_pipeline_scores(embedded):
    manifest, params = Manifest.read(Layout("pump").manifest), params_of()
    for system, encoder in (("frozen", Path("tiny.pt")), ("fine_tuned", Layout("pump").encoder)):
        stored = MachineVectors.load(POOLED / "pump" / system, "pump")
        clips = manifest.select("train", "pump")
        embedder = EncoderEmbedder(load_encoder(encoder), params.embedding)
        np.testing.assert_array_equal(stored.train[-1, "mean"], embedder.embed_clips(clips, params.audio))
        assert stored.train_names == tuple(clip.file_name for clip in clips)
        assert stored.train.keys() == stored.test.keys() == {(la, p) for la in (-1, 0) for p in ("mean", "bands")}


def test_the_report_contains_both_systems_and_every_combination(embedded):
    said = []
    results = sweep(read_params(), print_line=said.append)
    assert list(results) == ["frozen encoder", "fine-tuned"]
    assert [line.partition(":")[0] for line in said] == list(results)
    page = Path("reports/sweep.md").read_text()
    for words in (
        "## Frozen encoder",
        "## Fine-tuned",
        "leave one machine out",
        "| press | ",
        "| pooling | bands |",
    ):
        assert words in page
    rows = list(csv.DictReader(Path("reports/sweep.csv").read_text().splitlines()))
    # With two target clips a bank of their own cannot have k = 2.
    assert len(combinations(read_params())) == 16
    assert "- 4 combinations: The bank holds 2 reference clips of the target domain, too few for k = 2" in page
    assert len(rows) == 2 * 12
    assert float(rows[12]["total"]) == pytest.approx(results["fine-tuned"].literal_total, abs=1e-4)
    assert (rows[12]["system"], rows[12]["pooling"]) == ("fine-tuned", LITERAL.pooling)


def test_detectors_that_are_not_there_are_named(embedded):
    with pytest.raises(StridorError, match="no detector 'fan'; its detectors are pump, press"):
        sweep(read_params(), ["fan"])
    with pytest.raises(StridorError, match="got 1, give at least 2"):
        sweep(read_params(), ["pump"])
    shutil.rmtree(POOLED / "press/frozen/press")
    with pytest.raises(StridorError, match=r"press is missing; run 'make sweep'"):
        sweep(read_params())
