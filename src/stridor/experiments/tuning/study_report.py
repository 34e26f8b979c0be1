"""The report of a study: tables and figures in `reports/tune/<detector>/` and in the study's MLflow run."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stridor.common.atomic import atomic_folder
from stridor.evaluation.bootstrap import Difference
from stridor.evaluation.results_table import interval_text
from stridor.experiments.tuning.progress import state_of
from stridor.experiments.tuning.result import Comparison, HalfComparison, Score
from stridor.experiments.tuning.space import Space
from stridor.experiments.tuning.study import DEFAULT, RUN_ID, StudySpec, best_of, trials_in
from stridor.stages.layout import REPORTS
from stridor.tracking.run import RunLog

if TYPE_CHECKING:
    import optuna
    from matplotlib.figure import Figure
    from optuna.trial import FrozenTrial

# With fewer trials, importances and contours show the order of the trials rather than the parameters.
MIN_TRIALS_FOR_FIGURES = 4


def write_report(study: "optuna.Study", spec: StudySpec, comparison: Comparison | None, log: RunLog) -> Path:
    """Write `study.md`, `trials.csv` and figures, log them to the study's run, and return their folder.

    Parameters
    ----------
    study : Study
        With at least one finished trial.
    comparison : Comparison or None
        None if the objective does not use labels, or the general values have no finished trial.
    log : RunLog
        Run of the study.
    """
    from filelock import FileLock

    output = REPORTS / "tune" / spec.detector
    spec.folder.mkdir(parents=True, exist_ok=True)
    # Several commands may finish the same study at the same time.
    with FileLock(spec.folder / "report.lock"), atomic_folder(output) as folder:
        (folder / "study.md").write_text(_page(study, spec, comparison), encoding="utf-8")
        study.trials_dataframe(attrs=("number", "state", "value", "duration", "params", "user_attrs")).to_csv(
            folder / "trials.csv", index=False
        )
        for name, figure in _figures(study):
            figure.savefig(folder / f"{name}.png", dpi=110, bbox_inches="tight", metadata={"Software": None})
    for path in sorted(output.iterdir()):
        log.log_file(path, "study")
    best, value = _best(study)
    log.log_epoch(0, {"best_value": value} | _metrics_of(comparison))
    log.set_tag("best_trial_run", best.user_attrs.get(RUN_ID) or "")
    return output


def _best(study: "optuna.Study") -> "tuple[FrozenTrial, float]":
    best = best_of(study)
    if best is None or best.value is None:
        raise ValueError("a report needs a finished trial")
    return best, best.value


def comparison_table(comparison: Comparison) -> str:
    """Return the harmonic means of both halves as a Markdown table, in percent."""
    rows = ["| | tuning half | held-back half |", "| --- | --- | --- |"]
    halves = (comparison.tuning, comparison.held_back)
    cells: dict[str, Callable[[HalfComparison], str]] = {
        "general values": lambda half: _score(half.general),
        "best trial": lambda half: _score(half.best),
        "difference, paired": lambda half: _gain(half.difference),
    }
    rows += [f"| {name} | " + " | ".join(cell(half) for half in halves) + " |" for name, cell in cells.items()]
    return "\n".join(rows) + "\n"


def _page(study: "optuna.Study", spec: StudySpec, comparison: Comparison | None) -> str:
    best, value = _best(study)
    base = spec.space.base
    unit = "harmonic mean of AUC source, AUC target and pAUC on the tuning half of the test clips"
    if base.tune.objective == "pseudo_auc":
        unit = "AUC of faults injected into normal clips against held-out normals; no labels are used"
    elif not base.tune.judged_by_labels:
        unit = "gain of the separated held-out normals over the mean spectrum, in dB; no labels are used"
    parts = [
        f"# Study {study.study_name}",
        f"Objective: {unit}. Budget: {base.training.stage_one.epochs} + {base.training.stage_two.epochs} epochs.",
        f"Best: trial {best.number}, {value:.4f}.",
    ]
    if comparison is not None:
        parts.append(
            f"Harmonic mean in percent, with {100 * base.evaluation.confidence:.0f} % bootstrap intervals. The "
            "held-back half was not used during the study, so a gain on it is not due to chance in the "
            "search.\n\n" + comparison_table(comparison)
        )
    names = list(base.tune.search)
    parts.append("\n".join([
        "| trial | state | objective | " + " | ".join(names) + " | seconds |",
        "| --- " * (4 + len(names)) + "|",
        *(_row(trial, names, spec.space) for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()),
    ]))  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _row(trial: "FrozenTrial", names: list[str], space: Space) -> str:
    values = space.values(trial)
    cells = [
        f"{trial.number}" + (" (general values)" if trial.user_attrs.get(DEFAULT) else ""),
        state_of(trial),
        "" if trial.value is None else f"{trial.value:.4f}",
        *(str(values.get(name, "")) for name in names),
        "" if trial.duration is None else f"{trial.duration.total_seconds():.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _figures(study: "optuna.Study") -> Iterator[tuple[str, "Figure"]]:
    """Yield figures of history, importance, slice and contour, as far as there are enough trials to draw them."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from optuna.visualization import matplotlib as draw

    complete = trials_in(study, "COMPLETE")
    enough = len(complete) >= MIN_TRIALS_FOR_FIGURES and len({trial.value for trial in complete}) > 1
    names = list(complete[0].params)
    figures: dict[str, Callable[[], Any]] = {"history": lambda: draw.plot_optimization_history(study)}
    if enough:
        figures["importance"] = lambda: draw.plot_param_importances(study)
        figures["slice"] = lambda: draw.plot_slice(study)
        if len(names) > 1:
            figures["contour"] = lambda: draw.plot_contour(study, params=names[:3])
    for name, draw_figure in figures.items():
        # Set before drawing: a colour bar keeps the layout that it was drawn with.
        with _quiet(), matplotlib.rc_context({"figure.constrained_layout.use": True}):
            axes = draw_figure()
        figure = (axes if not hasattr(axes, "flat") else axes.flat[0]).figure
        if name in ("slice", "contour"):
            figure.set_size_inches(4.6 * min(3, len(names)), 4.2 if name == "slice" else 3.6 * min(3, len(names)))
        yield name, figure
        plt.close(figure)


@contextmanager
def _quiet() -> Iterator[None]:
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield


def _metrics_of(comparison: Comparison | None) -> dict[str, float]:
    if comparison is None:
        return {}
    return {
        f"{half}/{name}": value
        for half, found in (("tuning_half", comparison.tuning), ("held_back_half", comparison.held_back))
        for name, value in (
            ("general_hmean", found.general.value),
            ("best_hmean", found.best.value),
            ("gain", found.difference.value),
            ("gain_low", found.difference.interval.low),
            ("gain_high", found.difference.interval.high),
        )
    }


def _score(score: Score) -> str:
    return f"{100 * score.value:.2f} {interval_text(score.interval)}"


def _gain(gain: Difference) -> str:
    return f"{100 * gain.value:+.2f} {interval_text(gain.interval)}"
