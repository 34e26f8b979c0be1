"""The sampler of a study, whose draws depend on the number of the trial, not on the process that runs it."""

from typing import TYPE_CHECKING, Any

from stridor.common.seeds import seed_for

if TYPE_CHECKING:
    import optuna


def seeded_sampler(seed: int, startup_trials: int) -> "optuna.samplers.BaseSampler":
    """Return a tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011) with a seed for every trial.

    Processes that share a study never repeat each other's draws, and a study of one worker that was interrupted and
    continued makes the same suggestions as an uninterrupted one.

    Parameters
    ----------
    seed : int
        Seed of the study.
    startup_trials : int
        Number of trials that are drawn uniformly before the estimator is used.
    """
    import optuna

    class PerTrial(optuna.samplers.BaseSampler):
        """Use a newly seeded estimator for every trial; it reads the other trials from the study."""

        def before_trial(self, study: "optuna.Study", trial: "optuna.trial.FrozenTrial") -> None:
            self._of_trial = optuna.samplers.TPESampler(
                seed=seed_for(seed, "sampler", trial.number) % 2**32, n_startup_trials=startup_trials
            )
            self._of_trial.before_trial(study, trial)

        def infer_relative_search_space(self, study: "optuna.Study", trial: "optuna.trial.FrozenTrial") -> dict:
            return self._of_trial.infer_relative_search_space(study, trial)

        def sample_relative(self, *args: Any) -> dict[str, Any]:
            return self._of_trial.sample_relative(*args)

        def sample_independent(self, *args: Any) -> object:
            return self._of_trial.sample_independent(*args)

    return PerTrial()
