"""A trial through the stages, in this process: how it is judged, pruned, and what it leaves in MLflow."""

import json

import optuna
import pytest
from mlflow import MlflowClient
from optuna.trial import TrialState

from mlflow_project import in_project
from stridor.data.manifest import Manifest
from stridor.experiments.tuning.result import compare, halves_of
from stridor.experiments.tuning.study import DEFAULT, ERROR, RUN_ID, enqueue_default, open_study
from stridor.experiments.tuning.trial import Objective
from stridor.experiments.tuning.worker import remove_other_trials
from stridor.models.checkpoint import load_encoder
from stridor.scoring.embedding import EncoderEmbedder
from stridor.selection.pseudo_auc import machine_pseudo_auc
from stridor.stages import train
from tiny_study import spec_of, write_study

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_pictures")]


class PruneEverything(optuna.pruners.BasePruner):
    """Knows no mercy."""

    def prune(self, study, trial):
        return True


def optimise(spec, trials=1, pruner=None):
    study = open_study(spec)
    study.pruner = pruner or optuna.pruners.NopPruner()
    study.optimize(Objective(spec), n_trials=trials, catch=(Exception,))
    return study


def run_of(trial):
    return MlflowClient().get_run(trial.user_attrs[RUN_ID])


@pytest.fixture(scope="module")
def studied_once(tmp_path_factory, empty_database):
    """A project with a study of two trials, the general values and others."""
    with in_project(tmp_path_factory.mktemp("studied"), empty_database) as root:
        write_study(root)
        spec = spec_of()
        enqueue_default(open_study(spec), spec.space)
        optimise(spec, trials=2)
    return root


@pytest.fixture
def studied(studied_once):
    """That study and its specification, to be read only, with its project as working directory."""
    with in_project(studied_once):
        spec = spec_of()
        yield spec, open_study(spec)


def test_a_finished_trial(studied):
    spec, study = studied
    general, trial = study.get_trials()
    layout = spec.layout(1)
    assert general.state == trial.state == TrialState.COMPLETE
    assert trial.value == json.loads(layout.metrics.read_text())["fine_tuned"]["hmean"]
    assert list(trial.intermediate_values) == [3, 4]  # after every epoch of stage two but the last
    run = run_of(trial)
    assert (run.info.status, run.data.tags["trial_state"]) == ("FINISHED", "finished")
    assert run.data.tags["study"] == spec.name
    assert run.data.metrics["objective"] == pytest.approx(trial.value)
    assert float(run.data.params["training.learning_rate"]) == spec.space.values(trial)["training.learning_rate"]
    assert run.data.params["training.stage_two.epochs"] == "3"


def test_no_stage_of_a_trial_knows_the_half_that_is_held_back(studied):
    spec, _ = studied
    halves = halves_of(spec.space.base)
    known = {clip.path for clip in Manifest.read(spec.layout(0).manifest).select("test")}
    assert known == {clip.path for clip in halves.tuning}
    hidden = {clip.file_name for clip in halves.held_back}
    written = "".join(path.read_text() for path in spec.layout(0).base.rglob("*.csv"))
    assert hidden
    assert not [name for name in hidden if name in written]


def test_the_general_values_and_the_best_are_compared_on_both_halves(studied):
    spec, study = studied
    general, other = study.get_trials()
    assert general.user_attrs[DEFAULT]
    halves = halves_of(spec.space.base)
    found = compare(spec, halves, general, other)
    assert found.tuning.general.value == pytest.approx(general.value, abs=1e-6)
    assert found.tuning.best.value == pytest.approx(other.value, abs=1e-6)
    assert found.tuning.difference.value == pytest.approx(other.value - general.value, abs=1e-6)
    for half in (found.tuning, found.held_back):
        for score in (half.general, half.best):
            assert score.interval.low <= score.value <= score.interval.high
    same = compare(spec, halves, general, general)
    assert same.held_back.difference.value == 0
    assert same.held_back.general == found.held_back.general


def test_a_pruned_trial_ends_at_once_and_its_run_as_well(project):
    write_study(project)
    spec = spec_of()
    study = optimise(spec, pruner=PruneEverything())
    [trial] = study.get_trials()
    assert trial.state == TrialState.PRUNED
    assert list(trial.intermediate_values) == [3]
    run = run_of(trial)
    assert (run.info.status, run.data.tags["trial_state"]) == ("KILLED", "pruned")
    assert len(MlflowClient().get_metric_history(run.info.run_id, "loss/total")) == 3
    assert not spec.layout(0).encoder.exists()


def test_the_general_values_are_never_pruned(project):
    write_study(project)
    spec = spec_of()
    enqueue_default(open_study(spec), spec.space)
    [trial] = optimise(spec, pruner=PruneEverything()).get_trials()
    assert trial.state == TrialState.COMPLETE


def test_a_crashed_trial_is_recorded_and_the_study_goes_on(project, monkeypatch):
    write_study(project)
    spec = spec_of()
    real = train.fine_tune
    calls = []

    def crash_first(*args):
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("this trial cannot go on")
        return real(*args)

    monkeypatch.setattr(train, "fine_tune", crash_first)
    study = optimise(spec, trials=2)
    crashed, finished = study.get_trials()
    assert (crashed.state, finished.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert crashed.user_attrs[ERROR] == "this trial cannot go on"
    assert run_of(crashed).info.status == "FAILED"
    assert run_of(crashed).data.tags["trial_state"] == "failed"


def test_an_interrupted_trial_leaves_nothing_running(project, monkeypatch):
    write_study(project)
    spec = spec_of()
    real = train.fine_tune

    def told_to_stop(*args):
        real(*args)
        raise SystemExit(143)

    monkeypatch.setattr(train, "fine_tune", told_to_stop)
    study = open_study(spec)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(Objective(spec), n_trials=2)
    [trial] = study.get_trials()
    assert trial.state == TrialState.FAIL
    assert ERROR not in trial.user_attrs
    assert run_of(trial).info.status == "KILLED"


def test_without_labels_the_separation_of_held_out_normals_decides(project):
    write_study(project, tests=0, objective="normal_only")
    spec = spec_of()
    [trial] = optimise(spec).get_trials()
    assert trial.state == TrialState.COMPLETE
    run = run_of(trial)
    gains = [v for name, v in run.data.metrics.items() if "gain_over_mean_spectrum" in name]
    assert trial.value == pytest.approx(sum(gains) / len(gains))
    assert run.data.tags["measured_on"] == "no test clips"
    assert not spec.layout(0).metrics.exists()


def test_without_labels_and_without_held_out_clips_there_is_nothing_to_judge_by(project):
    write_study(project, objective="normal_only")
    [trial] = optimise(spec_of(**{"training.held_out_clips": 0})).get_trials()
    assert "held_out_clips" in trial.user_attrs[ERROR]


def test_only_the_best_and_the_general_trial_keep_their_files(project):
    write_study(project)
    spec = spec_of()
    study = open_study(spec)
    for number, (value, attrs) in enumerate([(0.5, {DEFAULT: True}), (0.6, {}), (0.9, {}), (0.7, {})]):
        study.add_trial(optuna.trial.create_trial(value=value, user_attrs=attrs))
        spec.layout(number).base.mkdir(parents=True)
    study.ask()
    spec.layout(4).base.mkdir(parents=True)
    remove_other_trials(study, spec)
    left = [number for number in range(5) if spec.layout(number).base.exists()]
    assert left == [0, 2, 4]  # the last one is still running


def test_without_labels_injected_faults_may_decide(project):
    write_study(project, tests=0, objective="pseudo_auc")
    spec = spec_of()
    [trial] = optimise(spec).get_trials()
    assert trial.state == TrialState.COMPLETE
    layout = spec.layout(0)
    embedder = EncoderEmbedder(load_encoder(layout.encoder), spec.space.base.embedding)
    clips = Manifest.read(layout.manifest).select("train", "pump")
    params = spec.space.params(trial.params)
    assert trial.value == machine_pseudo_auc("pump", embedder, clips, params.audio, params.bank, params.seed)
    assert run_of(trial).data.tags["measured_on"] == "no test clips"
    assert not layout.metrics.exists()
