"""The figure of a report on drift: the distribution of p-values, and their course."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stridor.common.atomic import atomic_file
from stridor.evaluation.plots import BLUE, DOTS_PER_INCH, GREY, ORANGE, STYLE
from stridor.operation.drift import ConditionDrift, Drift

WIDTH_INCHES, ROW_INCHES = 11.0, 3.8


def draw_drift(drift: Drift, path: Path) -> None:
    """Draw a row for each condition.

    Left, the share of recordings (of parts of them, if they are long) with at most some p-value, beside that of the
    detector's normal clips; right, the p-values in the order in which they came.

    Parameters
    ----------
    drift : Drift
        Of one condition or more.
    path : Path
        A .png file.
    """
    defaults = {key: value for key, value in matplotlib.rcParamsDefault.items() if "backend" not in key}
    rows = len(drift.conditions)
    with matplotlib.rc_context({**defaults, **STYLE}):
        figure = Figure(figsize=(WIDTH_INCHES, ROW_INCHES * rows), dpi=DOTS_PER_INCH, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        for (left, right), one in zip(figure.subplots(rows, 2, squeeze=False), drift.conditions, strict=True):
            _draw_distribution(left, one, drift.has_drifted(one))
            _draw_course(right, one)
        with atomic_file(path) as temporary:
            canvas.print_figure(temporary, format="png", metadata={"Software": None})


def _draw_distribution(axes: Axes, one: ConditionDrift, drifted: bool) -> None:
    order = np.argsort(one.positions, kind="stable")
    share = np.cumsum(one.weights[order]) / one.weights.sum()
    p_values = (one.positions[order] + 0.5) / (one.clips + 1)
    axes.step([0, *p_values, 1], [0, *share, 1], where="post", color=BLUE, label="these recordings")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="normal clips")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="p-value (0: odder than all normal clips)", ylabel="share of recordings")
    axes.set_title(f"{one.condition}: {'drifted' if drifted else 'no drift'}, gap {one.gap:.2f}", fontsize="medium")
    axes.legend(loc="lower right", fontsize="small")


def _draw_course(axes: Axes, one: ConditionDrift) -> None:
    p_values = (one.positions + 0.5) / (one.clips + 1)
    axes.scatter(np.arange(1, len(p_values) + 1), p_values, s=12, color=BLUE)
    axes.axhline(0.5, color=GREY, linestyle="--")
    window = max(1, len(p_values) // 10)
    if window > 1:
        smooth = np.convolve(p_values, np.ones(window) / window, mode="valid")
        axes.plot(np.arange(len(smooth)) + (window + 1) / 2, smooth, color=ORANGE, label=f"mean of {window}")
        axes.legend(loc="upper right", fontsize="small")
    axes.set(ylim=(0, 1.02), xlabel="recording or part, in order", ylabel="p-value")
    axes.set_title(f"{one.recordings} recordings, {one.clips} normal clips", fontsize="medium")
