"""A trial of a detector that several machines share."""

import json

import optuna
import pytest

from stridor.experiments.tuning.space import Space
from stridor.experiments.tuning.study import StudySpec
from stridor.experiments.tuning.trial import Objective
from stridor.params import read_params
from tiny import write_pump
from tiny_project import write_project
from tiny_study import TUNE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_pictures")]

optuna.logging.disable_default_handler()
MACHINES = ("pump", "press")


def test_a_trial_is_judged_by_the_total_over_all_machines(project):
    search = {"training.learning_rate": TUNE["search"]["training.learning_rate"]}
    write_project(
        project, tests=4, detectors={"fleet": {"machines": list(MACHINES)}}, tune=TUNE | {"search": search}
    )  # fmt: skip
    write_pump(project, machine="press", seed=1, tests=4)
    params = read_params()
    spec = StudySpec("fleet", Space.of(params, "fleet"), "0" * 32, "sqlite:///optuna.db")
    study = optuna.create_study(direction="maximize")
    study.optimize(Objective(spec), n_trials=1)
    places = spec.layout(0)
    assert study.best_value == pytest.approx(json.loads(places.metrics.read_text())["fine_tuned"]["hmean"])
    assert {folder.name for folder in (places.banks / "fine_tuned").iterdir()} == set(MACHINES)
