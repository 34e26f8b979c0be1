"""What a person sees of a running study: a line for each trial that ended, and a bar with the best one so far."""

from typing import TYPE_CHECKING, Self

from tqdm import tqdm

from stridor.experiments.tuning.study import DEFAULT, ERROR, best_of

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


class Progress:
    """Follows a study.

    Parameters
    ----------
    study : Study
    total : int
        Trials that the study shall have in the end.
    before : int
        Those that it had already.
    """

    def __init__(self, study: "optuna.Study", total: int, before: int) -> None:
        self.study, self.total = study, total
        self._told = {trial.number for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()}
        self._bar = tqdm(
            total=total, initial=before, unit="trial", desc=study.study_name, disable=None, dynamic_ncols=True
        )

    def __enter__(self) -> Self:
        self.look()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def look(self) -> None:
        """Tell of what has ended since the last look."""
        trials = self.study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state.is_finished() and trial.number not in self._told:
                self._told.add(trial.number)
                self._bar.update()
                tqdm.write(_line(trial, best_of(self.study)))
        running = [f"{trial.number}" for trial in trials if trial.state.name == "RUNNING"]
        best = best_of(self.study)
        said = "none yet" if best is None else f"{best.value:.4f} (trial {best.number})"
        self._bar.set_postfix_str(f"running {', '.join(running) or 'none'}, best {said}")


def state_of(trial: "FrozenTrial") -> str:
    """Say how a trial ended."""
    if trial.state.name == "FAIL":
        return "failed" if ERROR in trial.user_attrs else "interrupted"
    return {"COMPLETE": "finished", "PRUNED": "pruned"}.get(trial.state.name, trial.state.name.lower())


def values_of(trial: "FrozenTrial") -> str:
    """Write the values of a trial in one line."""
    values = (f"{name.split('.')[-1]} {_short(value)}" for name, value in trial.params.items())
    return ", ".join(values)


def _line(trial: "FrozenTrial", best: "FrozenTrial | None") -> str:
    value = f"{trial.value:.4f}" if trial.value is not None else "      "
    seconds = "" if trial.duration is None else f", {trial.duration.total_seconds():.0f} s"
    notes = " (the general values)" if trial.user_attrs.get(DEFAULT) else ""
    notes += ", the best so far" if best is not None and best.number == trial.number else ""
    error = f"\n           {trial.user_attrs[ERROR]}" if ERROR in trial.user_attrs else ""
    return f"trial {trial.number:3d}  {state_of(trial):11s}  {value}  {values_of(trial)}{seconds}{notes}{error}"


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
