"""Trials that say whose they are from the moment when they exist."""

from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from stridor.experiments.tuning.worker_identity import WORKER, worker_id


class OwnedTrialsStorage(RDBStorage):
    """Optuna's storage in a database, in which a new trial names the process that has made it.

    Optuna makes a trial first and sets its attributes later. A process that is killed in between would leave a trial
    that runs forever, because nobody could tell whose it was.
    """

    # Optuna's cache in front of this storage calls the private method, not `create_new_trial`.
    def _create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> FrozenTrial:
        mine = create_trial(state=TrialState.RUNNING, user_attrs={WORKER: worker_id()})
        return super()._create_new_trial(study_id, template_trial or mine)
