"""One encoder for several machines, from clips to registry, submission and sweep."""

import json
from pathlib import Path

import numpy as np
import pytest

from stridor.common.errors import StridorError
from stridor.data.augment import read_pairs
from stridor.data.manifest import Manifest
from stridor.evaluation.measures import harmonic_mean
from stridor.evaluation.official import read_official
from stridor.experiments.sweep import pool
from stridor.experiments.sweep.run_sweep import sweep
from stridor.params import read_params
from stridor.pipeline.submission import submit
from stridor.scoring.bank import ReferenceBank
from stridor.stages import augment, autoencoder, evaluate, index, register, summary, train
from stridor.stages.layout import Layout
from stridor.stages.written_scores import scored_clips
from stridor.training.triples import training_set
from tiny import write_pump
from tiny_project import params_of, write_project

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_pictures")]

MACHINES = ("pump", "press", "mixer")
FLEET = Layout("fleet")


@pytest.fixture
def clips(project):
    write_project(project, "noise", detectors={"fleet": {"machines": list(MACHINES)}})
    write_pump(project, "clean", "press", seed=1)
    write_pump(project, "none", "mixer", seed=2)
    return project


def test_machines_of_a_fleet_share_the_encoder_and_nothing_else(clips):
    params = params_of("fleet")
    augment.run(FLEET, params)
    data = training_set(Manifest.read(FLEET.manifest), read_pairs(FLEET.augmented), params)
    assert {example.clip.machine for example in data.examples} == set(MACHINES)
    # Each machine is mixed with its own noise; one without any gets Gaussian noise.
    assert len(data.interferers.paths("noise", "pump")) == 6
    assert all("/pump/" in noise for noise in data.interferers.paths("noise", "pump"))
    assert data.interferers.paths("noise", "press") == data.interferers.paths("noise", "mixer") == ()

    for stage in (train, autoencoder, index, evaluate, register):
        stage.run(FLEET, params)
    for machine in MACHINES:
        bank = ReferenceBank.load(FLEET.banks / "fine_tuned" / machine)
        own = {path.name for path in Path(f"data/{machine}/train").iterdir()}
        assert set(bank.file_names_) == own
        assert (FLEET.autoencoders / machine).is_dir()
    scored = scored_clips(FLEET, "fine_tuned", MACHINES)
    assert [one.machine for one in scored] == list(MACHINES)
    measured = json.loads(FLEET.metrics.read_text())["fine_tuned"]
    three = [measured[name] for name in ("auc_source", "auc_target", "pauc")]
    assert measured["hmean"] == pytest.approx(harmonic_mean(np.array(three)), abs=1e-5)
    summary.run(read_params())
    assert all(f"| {machine} | AUC source |" in Path("reports/summary.md").read_text() for machine in MACHINES)
    assert len(list(submit(read_params(), "x")[-1].iterdir())) == 2 * len(MACHINES)

    _detector_scores_every_machine()
    pool.run(FLEET, params)
    assert sweep(read_params())["fine-tuned"].machines == MACHINES


def _detector_scores_every_machine():
    from stridor.serving.detector import Detector

    detector = Detector.load("fleet")
    for machine in MACHINES:
        official = read_official(FLEET.scores / "fine_tuned", machine)
        for name, score in zip(official.file_names, official.scores, strict=True):
            verdict = detector.score(Path(f"data/{machine}/test") / name, machine)
            assert verdict.score == pytest.approx(score, abs=1e-5)
    with pytest.raises(StridorError, match=r"names no machine, but .* name one: pump, press, mixer"):
        detector.score(Path(f"data/pump/test/{official.file_names[0]}"))
    with pytest.raises(StridorError, match="'fan', which this detector has not learnt; it knows pump, press, mixer"):
        detector.score(Path(f"data/pump/test/{official.file_names[0]}"), "fan")
