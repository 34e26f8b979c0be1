"""A trial: the pipeline's stages with values suggested by Optuna, evaluated and pruned on the tuning half."""

import json
from multiprocessing import parent_process
from statistics import fmean
from typing import TYPE_CHECKING

from stridor.common.errors import StridorError
from stridor.common.interrupts import stop_signals_allowed, stop_signals_postponed
from stridor.data.manifest import Manifest
from stridor.evaluation.measures import ScoredClips, measure, total_score
from stridor.experiments.tuning.split import labelled_halves
from stridor.experiments.tuning.study import DEFAULT, ERROR, RUN_ID, StudySpec
from stridor.experiments.tuning.worker_identity import WORKER, worker_id
from stridor.models.checkpoint import load_encoder
from stridor.models.encoder import Encoder
from stridor.params import Params
from stridor.scoring.reference import NearestNormal
from stridor.selection.pseudo_auc import machine_pseudo_auc
from stridor.stages import augment, evaluate, index, train
from stridor.stages.layout import Layout
from stridor.stages.scorers import make_detector_embedder
from stridor.stages.systems import judged_by_training, trained_system
from stridor.tracking.run import RunLog
from stridor.tracking.runs import end_as, reopened
from stridor.training.fit import Epoch

if TYPE_CHECKING:
    import optuna


class Objective:
    """The objective function that Optuna calls with every trial.

    Parameters
    ----------
    spec : StudySpec
    """

    def __init__(self, spec: StudySpec) -> None:
        self.spec = spec

    def __call__(self, trial: "optuna.Trial") -> float:
        """Run a trial; return the harmonic mean of the measures, or the separation gain on held-out normal clips.

        Raises
        ------
        TrialPruned
            If it is worse than the other trials.
        KeyboardInterrupt
            If this process is asked to stop.
        """
        import optuna

        # A trial that waited says who let it wait.
        trial.set_user_attr(WORKER, worker_id())
        try:
            with stop_signals_allowed():
                value = self._run(trial)
            self._end(trial, "finished")
        except optuna.TrialPruned:
            self._end(trial, "pruned", "KILLED")
            raise
        except Exception as error:
            trial.set_user_attr(ERROR, str(error) or type(error).__name__)
            self._end(trial, "failed", "FAILED")
            raise
        except (KeyboardInterrupt, SystemExit):
            self._end(trial, "interrupted", "KILLED")
            # The only one of the two after which Optuna records the trial as failed.
            raise KeyboardInterrupt from None
        return value

    def _run(self, trial: "optuna.Trial") -> float:
        spec = self.spec
        params = spec.space.params(spec.space.suggest(trial))
        layout = spec.layout(trial.number)
        callbacks = _TrainingCallbacks(spec, trial, layout, params)
        augment.run(layout, params)
        if params.tune.judged_by_labels:
            hide_held_back(layout, params.seed)
        train.run(layout, params, train.TrainingHooks(callbacks.tags(), callbacks.on_start, callbacks.on_epoch))
        if params.tune.judged_by_labels:
            index.run(layout, params)
            evaluate.run(layout, params)
            value = json.loads(layout.metrics.read_text())[trained_system(params)]["hmean"]
        else:
            value = callbacks.without_labels(load_encoder(layout.encoder))
        callbacks.log_objective(value)
        return value

    def _end(self, trial: "optuna.Trial", state: str, status: str | None = None) -> None:
        run_id = trial.user_attrs.get(RUN_ID)
        if run_id is not None:
            end_as(run_id, status, {"trial_state": state})


class _TrainingCallbacks:
    """Reports the training of a trial to the study, and ends it if it is to be pruned."""

    def __init__(self, spec: StudySpec, trial: "optuna.Trial", layout: Layout, params: Params) -> None:
        self.spec, self.trial, self.layout, self.params = spec, trial, layout, params
        self._last: Epoch | None = None
        self._run = RunLog()

    def tags(self) -> dict[str, str]:
        """Return the tags of the trial's run."""
        tags = {
            "study": self.spec.name, "trial": str(self.trial.number), "trial_state": "running",
            "measured_on": "tuning half of the test clips" if self.params.tune.judged_by_labels else "no test clips",
        }  # fmt: skip
        return tags | ({} if self.spec.parent_run is None else {"mlflow.parentRunId": self.spec.parent_run})

    def on_start(self, run_id: str | None) -> None:
        """Link the trial with its MLflow run."""
        with stop_signals_postponed():
            self.trial.set_user_attr(RUN_ID, run_id)
        if run_id is not None:
            self._run = reopened(run_id)
        self._run.set_tag("mlflow.runName", f"{self.spec.detector} trial {self.trial.number}")

    def on_epoch(self, epoch: Epoch, encoder: Encoder) -> None:
        """Report to the study every `tune.report_epochs` epochs of stage two; the last one is evaluated in full."""
        import optuna

        self._last = epoch
        parent = parent_process()
        if parent is not None and not parent.is_alive():
            raise KeyboardInterrupt  # the study that waits for the result is gone
        training = self.params.training
        done = epoch.number - training.stage_one.epochs
        if epoch.stage == 1 or done % self.params.tune.report_epochs or done == training.stage_two.epochs:
            return
        value = self._evaluate(encoder) if self.params.tune.judged_by_labels else self.without_labels(encoder)
        with stop_signals_postponed():
            self.trial.report(value, epoch.number)
            self.log_objective(value)
            behind = self.trial.should_prune() and not self.trial.user_attrs.get(DEFAULT)
        if behind:
            raise optuna.TrialPruned(f"{value:.4f} after epoch {epoch.number}")

    def log_objective(self, value: float) -> None:
        """Log the objective after the latest epoch to the trial's run."""
        self._run.log_epoch(self._last.number if self._last else 0, {"objective": value})

    def without_labels(self, encoder: Encoder) -> float:
        """Return the objective that looks at no label."""
        return self._pseudo_auc(encoder) if self.params.tune.objective == "pseudo_auc" else self.separation()

    def separation(self) -> float:
        """Return by how many dB held-out estimates are closer than the mean spectrum, averaged over all test SNRs.

        Raises
        ------
        StridorError
            If no clip is held out.
        """
        metrics = self._last.flat() if self._last else {}
        gains = [value for name, value in metrics.items() if "gain_over_mean_spectrum" in name]
        if not gains:
            raise StridorError(
                "tune.objective: normal_only evaluates on the clips of training.held_out_clips, and there are none; "
                "set it to 1 or more, or add normal clips."
            )
        return sum(gains) / len(gains)

    def _pseudo_auc(self, encoder: Encoder) -> float:
        """Return the mean over the machines of the AUC of injected faults against held-out normals."""
        manifest = Manifest.read(self.layout.manifest)
        params = judged_by_training(self.params)
        embedder = make_detector_embedder(encoder, params)
        return fmean(
            machine_pseudo_auc(
                machine, embedder, manifest.select("train", machine), params.audio, params.bank, params.seed
            )
            for machine in manifest.machines
        )

    def _evaluate(self, encoder: Encoder) -> float:
        manifest = Manifest.read(self.layout.manifest)
        params = judged_by_training(self.params)
        embedder = make_detector_embedder(encoder, params)
        scored: list[ScoredClips] = []
        for machine, clips in evaluate.labelled_test_clips(manifest).items():
            reference = index.fit_reference(embedder, manifest, machine, params.audio, params.bank)
            scored.append(evaluate.score_clips(machine, clips, NearestNormal(embedder, reference), params))
        return total_score(measure(clips) for clips in scored)


def hide_held_back(layout: Layout, seed: int) -> None:
    """Remove the held-back half of the test clips from a trial's manifest, so that no stage can use it."""
    manifest = Manifest.read(layout.manifest)
    labelled_halves(manifest, seed).without_held_back(manifest).write(layout.manifest)
