"""Identity of a study, opening it, its trials, and the trials of killed workers."""

import hashlib
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stridor.common.errors import StridorError
from stridor.common.text import shortened
from stridor.experiments.tuning.sampling import seeded_sampler
from stridor.experiments.tuning.space import Space
from stridor.experiments.tuning.storage import heartbeats, open_storage, opening_errors
from stridor.experiments.tuning.worker_identity import WORKER, worker_id
from stridor.params import SCORING_SECTIONS, TRAINING_SECTIONS
from stridor.stages.layout import Layout

if TYPE_CHECKING:
    import optuna

# Names of the user attributes of a trial.
DEFAULT, RUN_ID, ERROR = "default", "mlflow_run_id", "error"


@dataclass(frozen=True)
class StudySpec:
    """Everything that a worker process needs to know about a study.

    Attributes
    ----------
    data_md5 : str
        Version of the raw clips.
    storage : str
        URL of Optuna's storage.
    threads : int
        Threads of a worker.
    parent_run : str or None
        MLflow run of the study.
    """

    detector: str
    space: Space
    data_md5: str
    storage: str
    threads: int = 1
    parent_run: str | None = None

    @property
    def name(self) -> str:
        """Detector and digest of everything that trials depend on: other parameters or data mean another study."""
        base = self.space.base
        values = [
            base.model_dump(mode="json", include={*TRAINING_SECTIONS, *SCORING_SECTIONS}),
            base.tune.model_dump(mode="json", include={"search", "objective"}),
            self.data_md5,
        ]
        text = json.dumps(values, sort_keys=True)
        return f"{self.detector}-{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8]}"

    @property
    def folder(self) -> Path:
        """Folder of the trials' files."""
        return Path("artifacts/.tune") / self.name

    def layout(self, number: int) -> Layout:
        """Return the paths of a trial's files."""
        return Layout(self.detector, self.folder / f"trial_{number:04d}")


def open_study(spec: StudySpec) -> "optuna.Study":
    """Open a study, or create it.

    Raises
    ------
    StridorError
        If the storage cannot be used.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tune = spec.space.base.tune
    with opening_errors(spec.storage):
        return optuna.create_study(
            storage=open_storage(spec.storage),
            study_name=spec.name,
            direction="maximize",
            load_if_exists=True,
            sampler=seeded_sampler(spec.space.base.seed, tune.startup_trials),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=tune.startup_trials)
            if tune.pruner == "median"
            else optuna.pruners.NopPruner(),
        )


def trials_in(study: "optuna.Study", *states: str) -> "list[optuna.trial.FrozenTrial]":
    """Return the trials in some states, by number.

    Raises
    ------
    StridorError
        If the storage holds trials that Optuna has not written.
    """
    try:
        trials = study.get_trials(deepcopy=False)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        reason = shortened(" ".join(str(error).split())) or type(error).__name__
        raise StridorError(
            f"Optuna's storage holds trials of the study '{study.study_name}' that cannot be read ({reason}); delete "
            "the study, or set OPTUNA_STORAGE to another."
        ) from None
    return [trial for trial in trials if trial.state.name in states]


def counted(study: "optuna.Study") -> int:
    """Return the number of trials that count towards the budget: finished, pruned, or failed with an error."""
    crashed = [trial for trial in trials_in(study, "FAIL") if ERROR in trial.user_attrs]
    return len(trials_in(study, "COMPLETE", "PRUNED")) + len(crashed)


def best_of(study: "optuna.Study") -> "optuna.trial.FrozenTrial | None":
    """Return the best finished trial, the first of equals."""
    return max(trials_in(study, "COMPLETE"), key=lambda trial: (trial.value, -trial.number), default=None)


def default_trial(study: "optuna.Study") -> "optuna.trial.FrozenTrial | None":
    """Return the finished trial of the general values."""
    return next((trial for trial in trials_in(study, "COMPLETE") if trial.user_attrs.get(DEFAULT)), None)


def enqueue_default(study: "optuna.Study", space: Space) -> None:
    """Let the next trial have the general values, unless a trial has or will have them."""

    def alive() -> "list[optuna.trial.FrozenTrial]":
        return [trial for trial in trials_in(study, "COMPLETE", "RUNNING", "WAITING") if trial.user_attrs.get(DEFAULT)]

    if alive():
        return
    study.enqueue_trial(space.defaults(), user_attrs={DEFAULT: True, WORKER: worker_id()})
    first, *more = alive()
    if more and first.user_attrs[WORKER] != worker_id():
        # Another process did the same at the same time: drop one of the two waiting trials.
        _fail(study, study.ask())


def _fail(study: "optuna.Study", trial: "optuna.Trial | int") -> None:
    from optuna.trial import TrialState

    study.tell(trial, state=TrialState.FAIL)


def fail_lost_trials(study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
    """Mark the trials of killed workers as failed, and return them.

    Workers of this host are checked by their process, those of other hosts by their heartbeat.
    """
    import optuna
    from optuna.exceptions import UpdateFinishedTrialError

    with heartbeats():
        optuna.storages.fail_stale_trials(study)
    lost = []
    for trial in trials_in(study, "RUNNING"):
        host, _, process = trial.user_attrs.get(WORKER, "").partition(":")
        if host == socket.gethostname() and not _alive(int(process)):
            try:
                _fail(study, trial.number)
            except (UpdateFinishedTrialError, ValueError):
                continue  # another process has done so
            lost.append(trial)
    return lost


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
