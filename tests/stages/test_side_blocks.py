"""Side blocks for several machines, learnt in representation space, go all the way to a registered detector."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stridor.evaluation.official import read_official
from stridor.models.checkpoint import load_encoder
from stridor.models.side import SideTuned
from stridor.stages import augment, autoencoder, evaluate, index, register, train
from stridor.stages.layout import Layout
from tiny import tiny_encoder, write_pump
from tiny_project import VALUES, params_of, write_project

FLEET = Layout("fleet")
MACHINES = ("pump", "press")


@pytest.mark.slow
@pytest.mark.usefixtures("blank_pictures")
def test_a_fleet_learns_one_side_network_and_is_served(project):
    from stridor.serving.detector import Detector

    write_project(
        project, detectors={"fleet": {"machines": list(MACHINES)}},
        augment={"variants": 2, "interferers": ["noise", "white", "machines"], "unmixed": 0.2},
        encoder={"checkpoint": "tiny.pt", "adapt": "side", "side_width": 16},
        decoder=VALUES["decoder"] | {"target": "representation"}, baselines=["frozen", "stage_one"],
        bank=VALUES["bank"] | {"views": [{"encoder": "frozen"}, {"encoder": "fine_tuned", "pooling": "bands"}]},
    )  # fmt: skip
    write_pump(project, "none", "press", seed=1)
    params = params_of("fleet")
    for stage in (augment, train, autoencoder, index, evaluate, register):
        stage.run(FLEET, params)
    listed = (FLEET.augmented / "interferers.csv").read_text().splitlines()
    assert len(listed) == 1 + 2 * 12
    encoder = load_encoder(FLEET.encoder)
    assert isinstance(encoder, SideTuned)
    for name, tensor in tiny_encoder().state_dict().items():
        assert torch.equal(encoder.base.state_dict()[name], tensor), name
    detector = Detector.load("fleet")
    for machine in MACHINES:
        frozen, tuned, joined = (
            read_official(FLEET.scores / system, machine) for system in ("frozen", "fine_tuned", "joined")
        )
        assert not np.allclose(frozen.scores, tuned.scores, rtol=1e-3)
        for name, score in zip(joined.file_names, joined.scores, strict=True):
            verdict = detector.score(Path(f"data/{machine}/test") / name, machine)
            assert verdict.score == pytest.approx(score, abs=1e-5)
