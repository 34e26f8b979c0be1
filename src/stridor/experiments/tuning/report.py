"""The report of a study: tables and pictures under `reports/tune/<detector>/` and on the study's MLflow run."""

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

# Below this, importances and contours show the order of the trials rather than the parameters.
FEWEST_FOR_PICTURES = 4


def write_report(study: "optuna.Study", spec: StudySpec, comparison: Comparison | None, log: RunLog) -> Path:
    """Write `study.md`, `trials.csv` and pictures, and keep them on the study's run as well.

    Parameters
    ----------
    study : Study
        With one finished trial at least.
    spec : StudySpec
    comparison : Comparison or None
        None where the objective looks at no labels, or the general values have no finished trial.
    log : RunLog
        Of the study.

    Returns
    -------
    Path
        The folder.
    """
    from filelock import FileLock

    place = REPORTS / "tune" / spec.detector
    spec.folder.mkdir(parents=True, exist_ok=True)
    # Several commands may come to the end of one study together.
    with FileLock(spec.folder / "report.lock"), atomic_folder(place) as folder:
        (folder / "study.md").write_text(_page(study, spec, comparison), encoding="utf-8")
        study.trials_dataframe(attrs=("number", "state", "value", "duration", "params", "user_attrs")).to_csv(
            folder / "trials.csv", index=False
        )
        for name, figure in _figures(study):
            figure.savefig(folder / f"{name}.png", dpi=110, bbox_inches="tight", metadata={"Software": None})
    for path in sorted(place.iterdir()):
        log.log_file(path, "study")
    best, value = _best(study)
    log.log_epoch(0, {"best_value": value} | _figures_of(comparison))
    log.set_tag("best_trial_run", best.user_attrs.get(RUN_ID) or "")
    return place


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
    if not base.tune.judged_by_labels:
        unit = "gain of the separated held-out normals over the mean spectrum, in dB; no label is looked at"
    parts = [
        f"# Study {study.study_name}",
        f"Objective: {unit}. Budget: {base.training.stage_one.epochs} + {base.training.stage_two.epochs} epochs.",
        f"Best: trial {best.number}, {value:.4f}.",
    ]
    if comparison is not None:
        parts.append(
            f"Harmonic mean in percent, with {100 * base.evaluation.confidence:.0f} % bootstrap intervals. The "
            "held-back half was never looked at while the study went on: what is gained there is not luck in the "
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
    """Yield history, importance, slice and contour, as far as there are trials enough to draw them."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from optuna.visualization import matplotlib as draw

    complete = trials_in(study, "COMPLETE")
    enough = len(complete) >= FEWEST_FOR_PICTURES and len({trial.value for trial in complete}) > 1
    names = list(complete[0].params)
    pictures: dict[str, Callable[[], Any]] = {"history": lambda: draw.plot_optimization_history(study)}
    if enough:
        pictures["importance"] = lambda: draw.plot_param_importances(study)
        pictures["slice"] = lambda: draw.plot_slice(study)
        if len(names) > 1:
            pictures["contour"] = lambda: draw.plot_contour(study, params=names[:3])
    for name, picture in pictures.items():
        # From the start: a colour bar keeps to the layout that it was drawn into.
        with _quiet(), matplotlib.rc_context({"figure.constrained_layout.use": True}):
            axes = picture()
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


def _figures_of(comparison: Comparison | None) -> dict[str, float]:
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
