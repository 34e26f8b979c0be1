"""Ranks of ways to score against the bank that a detector with these views has."""

import numpy as np
import pytest

from stridor.common.errors import StridorError
from stridor.data.manifest import build_manifest
from stridor.evaluation.measures import ScoredClips, measure, total_score
from stridor.experiments.select.rank import rank_machine
from stridor.experiments.select.run_select import select
from stridor.experiments.select.select_report import best
from stridor.experiments.select.ways import Way, views_in
from stridor.models.checkpoint import save_encoder
from stridor.params import read_params
from stridor.params.scoring_sections import ViewParams
from stridor.scoring.joined import JoinedBank
from stridor.scoring.views import detector_embedder
from stridor.selection import pseudo_auc
from stridor.stages.layout import Layout
from tiny import tiny_encoder
from tiny_project import params_of, write_project

SPECTRUM = ViewParams(encoder="log_mel", layer=0, pooling="mean_std", metric="whitened")
ENCODER = ViewParams(encoder="fine_tuned", layer=-1, pooling="mean", metric="euclidean")
WAYS = [Way((SPECTRUM,)), Way((ENCODER,)), Way((SPECTRUM, ENCODER))]


@pytest.fixture
def pump(project, monkeypatch):
    """Twelve normal clips of a machine, its test clips, and the views' embedder."""
    write_project(project, tests=2)
    monkeypatch.setattr("stridor.selection.pseudo_auc.MOST_CLIPS", 3)
    params = params_of()
    manifest = build_manifest(project / "data", ("pump",), project)
    views = [(view.encoder, view.embedding(params.embedding)) for view in views_in(WAYS)]
    embedder = detector_embedder(views, {"fine_tuned": tiny_encoder()})
    return params, embedder, manifest.select("train"), manifest.select("test")


def test_the_official_measures_are_those_of_a_detector_with_these_views(pump):
    params, embedder, train, test = pump
    ranked = rank_machine("pump", WAYS, embedder, train, test, params)
    embedded, queries = embedder.embed_clips(train, params.audio), embedder.embed_clips(test, params.audio)
    bank = JoinedBank([view.bank(params.bank) for view in views_in(WAYS)], embedder.widths)
    bank.fit(embedded, [clip.domain for clip in train], [clip.file_name for clip in train])
    scored = ScoredClips(
        "pump", *([getattr(clip, name) for clip in test] for name in ("file_name", "domain", "label")),
        bank.score_samples(queries),
    )  # fmt: skip
    assert ranked[WAYS[2]].hmean == pytest.approx(total_score([measure(scored)]))


def test_without_labels_only_the_pseudo_auc_is_known_and_it_is_the_same(pump):
    params, embedder, train, test = pump
    labelled = rank_machine("pump", WAYS, embedder, train, test, params)
    unlabelled = rank_machine("pump", WAYS, embedder, train, (), params)
    assert all(one.hmean is None for one in unlabelled.values())
    assert [one.pseudo_auc for one in labelled.values()] == [one.pseudo_auc for one in unlabelled.values()]


def test_the_size_of_the_chunks_changes_nothing(pump, monkeypatch):
    params, embedder, train, _ = pump
    together = rank_machine("pump", WAYS, embedder, train, (), params)
    monkeypatch.setattr(pseudo_auc, "CHUNK", 4)
    apart = rank_machine("pump", WAYS, embedder, train, (), params)
    np.testing.assert_allclose(
        [one.pseudo_auc for one in apart.values()], [one.pseudo_auc for one in together.values()], atol=0.02
    )


@pytest.mark.usefixtures("pump")
def test_the_report_recommends_the_highest_mean(project):
    said = []
    results = select(read_params(), print_line=said.append)
    page = (project / "reports" / "select.md").read_text()
    assert best(results).yaml() in page
    assert said[-1].startswith(f"All: {best(results).text()}, pseudo-anomaly AUC ")
    rows = [line for line in page.splitlines() if line.startswith(("| spectrum", "| frozen"))]
    values = [float(row.split("|")[2]) for row in rows]
    assert values == sorted(values, reverse=True)
    assert len(rows) == len(results["pump"])


@pytest.mark.usefixtures("pump")
def test_trained_encoders_are_ranked_where_all_have_been_trained(project):
    layout = Layout("pump")
    layout.trained.mkdir(parents=True)
    save_encoder(tiny_encoder(seed=7), layout.encoder)
    said = []
    ranked = select(read_params(), print_line=said.append)["pump"]
    trained = {way: one for way, one in ranked.items() if any(view.encoder == "fine_tuned" for view in way.views)}
    assert len(trained) == (len(ranked) - 3) / 2
    assert not any("left out" in line for line in said)
    alone = {way.text(): one.pseudo_auc for way, one in ranked.items() if len(way.views) == 1}
    one, other = ([value for text, value in alone.items() if text.startswith(name)] for name in ("frozen", "fine"))
    assert len(one) == len(other)
    assert one != other
    layout.encoder.unlink()
    assert select(read_params(), print_line=said.append)["pump"] == {
        way: one for way, one in ranked.items() if way not in trained
    }
    assert any("left out" in line for line in said)


@pytest.mark.usefixtures("pump")
def test_an_unknown_detector_is_refused():
    with pytest.raises(StridorError, match="no detector 'saw'; its detectors are pump"):
        select(read_params(), ["saw"])


def test_a_detectors_own_pseudo_auc_is_that_of_its_way(pump):
    params, embedder, train, _ = pump
    ranked = rank_machine("pump", WAYS, embedder, train, (), params)
    bank = params.bank.model_copy(update={"views": tuple(views_in(WAYS))})
    own = pseudo_auc.machine_pseudo_auc("pump", embedder, train, params.audio, bank, params.seed)
    # The scores of a bank end at e^700, which distant clips reach where a view has hardly any deviation, as here.
    assert own == pytest.approx(ranked[WAYS[2]].pseudo_auc, abs=0.02)
