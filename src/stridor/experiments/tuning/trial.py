"""A trial: the pipeline's stages with the values that Optuna suggests, judged and pruned on the tuning half."""

import json
from multiprocessing import parent_process
from typing import TYPE_CHECKING

from stridor.common.compute import device_for
from stridor.common.errors import StridorError
from stridor.common.interrupts import disturbable, undisturbed
from stridor.data.manifest import Manifest
from stridor.evaluation.measures import ScoredClips, measure, total_score
from stridor.experiments.tuning.split import labelled_halves
from stridor.experiments.tuning.study import DEFAULT, ERROR, RUN_ID, WORKER, StudySpec, worker_id
from stridor.models.encoder import Encoder
from stridor.params import Params
from stridor.scoring.embedding import EncoderEmbedder
from stridor.scoring.reference import NearestNormal
from stridor.stages import augment, evaluate, index, train
from stridor.stages.layout import Layout
from stridor.stages.systems import FINE_TUNED
from stridor.tracking.run import RunLog
from stridor.tracking.runs import end_as, reopened
from stridor.training.fit import Epoch

if TYPE_CHECKING:
    import optuna


class Objective:
    """What Optuna calls with every trial.

    Parameters
    ----------
    spec : StudySpec
    """

    def __init__(self, spec: StudySpec) -> None:
        self.spec = spec

    def __call__(self, trial: "optuna.Trial") -> float:
        """Run a trial; return the harmonic mean of the measures, or how well held-out normals are separated.

        Raises
        ------
        TrialPruned
            If it falls behind the others.
        KeyboardInterrupt
            If this process is told to stop.
        """
        import optuna

        trial.set_user_attr(WORKER, worker_id())
        try:
            with disturbable():
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
            # Optuna records a trial as failed after this one alone.
            raise KeyboardInterrupt from None
        return value

    def _run(self, trial: "optuna.Trial") -> float:
        spec = self.spec
        params = spec.space.params(spec.space.suggest(trial))
        layout = spec.layout(trial.number)
        watcher = _Watcher(spec, trial, layout, params)
        augment.run(layout, params)
        if params.tune.judged_by_labels:
            hide_held_back(layout, params.seed)
        train.run(layout, params, train.Watch(watcher.tags(), watcher.on_start, watcher.on_epoch))
        if params.tune.judged_by_labels:
            index.run(layout, params)
            evaluate.run(layout, params)
            value = json.loads(layout.metrics.read_text())[FINE_TUNED]["hmean"]
        else:
            value = watcher.separation()
        watcher.log_objective(value)
        return value

    def _end(self, trial: "optuna.Trial", state: str, status: str | None = None) -> None:
        run_id = trial.user_attrs.get(RUN_ID)
        if run_id is not None:
            end_as(run_id, status, {"trial_state": state})


class _Watcher:
    """Follows the training of a trial, and ends it where it falls behind."""

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
        """Tie the trial to its run."""
        with undisturbed():
            self.trial.set_user_attr(RUN_ID, run_id)
        if run_id is not None:
            self._run = reopened(run_id)
        self._run.set_tag("mlflow.runName", f"{self.spec.detector} trial {self.trial.number}")

    def on_epoch(self, epoch: Epoch, encoder: Encoder) -> None:
        """Report to the study after every so many epochs of stage two, but the last: that one is judged in full."""
        import optuna

        self._last = epoch
        parent = parent_process()
        if parent is not None and not parent.is_alive():
            raise KeyboardInterrupt  # nobody is left to hear of the outcome
        training = self.params.training
        done = epoch.number - training.stage_one.epochs
        if epoch.stage == 1 or done % self.params.tune.report_epochs or done == training.stage_two.epochs:
            return
        value = self._judge(encoder) if self.params.tune.judged_by_labels else self.separation()
        with undisturbed():
            self.trial.report(value, epoch.number)
            self.log_objective(value)
            behind = self.trial.should_prune() and not self.trial.user_attrs.get(DEFAULT)
        if behind:
            raise optuna.TrialPruned(f"{value:.4f} after epoch {epoch.number}")

    def log_objective(self, value: float) -> None:
        """Add the objective after the latest epoch to the trial's run."""
        self._run.log_epoch(self._last.number if self._last else 0, {"objective": value})

    def separation(self) -> float:
        """Return how much nearer held-out estimates are than the mean spectrum, in dB, over all test SNRs.

        Raises
        ------
        StridorError
            If no clip is held out.
        """
        figures = self._last.flat() if self._last else {}
        gains = [value for name, value in figures.items() if "gain_over_mean_spectrum" in name]
        if not gains:
            raise StridorError(
                "tune.objective: normal_only judges by clips that training.held_out_clips keeps out, and there are "
                "none; set it to 1 or more, or add normal clips."
            )
        return sum(gains) / len(gains)

    def _judge(self, encoder: Encoder) -> float:
        manifest = Manifest.read(self.layout.manifest)
        embedder = EncoderEmbedder(encoder, self.params.embedding, device_for(self.params.compute.accelerator))
        scored: list[ScoredClips] = []
        for machine, clips in evaluate.labelled_test_clips(manifest).items():
            reference = index.fit_reference(embedder, manifest, machine, self.params)
            scored.append(evaluate.score_clips(machine, clips, NearestNormal(embedder, reference), self.params))
        return total_score(measure(clips) for clips in scored)


def hide_held_back(layout: Layout, seed: int) -> None:
    """Take the held-back half of the test clips out of a trial's manifest: no stage can look at it then."""
    manifest = Manifest.read(layout.manifest)
    labelled_halves(manifest, seed).without_held_back(manifest).write(layout.manifest)
