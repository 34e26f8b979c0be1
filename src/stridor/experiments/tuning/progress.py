"""Display of a running study: a line for each ended trial, and a progress bar with the best one so far."""

from typing import TYPE_CHECKING, Self

from tqdm import tqdm

from stridor.experiments.tuning.study import DEFAULT, ERROR, best_of

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


class Progress:
    """Prints the progress of a study.

    Parameters
    ----------
    total : int
        Number of trials that the study will have at the end.
    before : int
        Number of trials that it already has.
    """

    def __init__(self, study: "optuna.Study", total: int, before: int) -> None:
        self.study, self.total = study, total
        self._reported = {trial.number for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()}
        self._bar = tqdm(
            total=total, initial=before, unit="trial", desc=study.study_name, disable=None, dynamic_ncols=True
        )

    def __enter__(self) -> Self:
        self.update()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def update(self) -> None:
        """Print the trials that have ended since the last update."""
        trials = self.study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state.is_finished() and trial.number not in self._reported:
                self._reported.add(trial.number)
                self._bar.update()
                tqdm.write(_line(trial, best_of(self.study)))
        running = [f"{trial.number}" for trial in trials if trial.state.name == "RUNNING"]
        best = best_of(self.study)
        best_text = "none yet" if best is None else f"{best.value:.4f} (trial {best.number})"
        self._bar.set_postfix_str(f"running {', '.join(running) or 'none'}, best {best_text}")


def state_of(trial: "FrozenTrial") -> str:
    """Return how a trial ended."""
    if trial.state.name == "FAIL":
        return "failed" if ERROR in trial.user_attrs else "interrupted"
    return {"COMPLETE": "finished", "PRUNED": "pruned"}.get(trial.state.name, trial.state.name.lower())


def values_of(trial: "FrozenTrial") -> str:
    """Return the values of a trial in one line."""
    shown = {name: f"{value:.3g}" if isinstance(value, float) else value for name, value in trial.params.items()}
    return ", ".join(f"{name.split('.')[-1]} {value}" for name, value in shown.items())


def _line(trial: "FrozenTrial", best: "FrozenTrial | None") -> str:
    value = f"{trial.value:.4f}" if trial.value is not None else "      "
    seconds = "" if trial.duration is None else f", {trial.duration.total_seconds():.0f} s"
    notes = " (the general values)" if trial.user_attrs.get(DEFAULT) else ""
    notes += ", the best so far" if best is not None and best.number == trial.number else ""
    error = f"\n           {trial.user_attrs[ERROR]}" if ERROR in trial.user_attrs else ""
    return f"trial {trial.number:3d}  {state_of(trial):11s}  {value}  {values_of(trial)}{seconds}{notes}{error}"
