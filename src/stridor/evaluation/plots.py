"""Figures of one machine's scores: ROC curves and histograms, reproducible byte for byte."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stridor.common.atomic import atomic_file
from stridor.evaluation.bootstrap import Interval, MachineIntervals
from stridor.evaluation.measures import MAX_FALSE_POSITIVE_RATE, MachineMeasures, ScoredClips, require_every_stratum
from stridor.evaluation.results_table import interval_text

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

# Okabe and Ito's palette, distinguishable with any colour vision; line styles and panels repeat the distinction.
BLUE, ORANGE, PURPLE, GREY = "#0072B2", "#E69F00", "#CC79A7", "#555555"
SIZE_INCHES = (9.0, 5.4)
DOTS_PER_INCH = 100
STYLE: "dict[RcKeyType, Any]" = {
    "font.family": "DejaVu Sans",
    "font.size": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    # The name of a machine may contain a dollar sign.
    "text.parse_math": False,
}
BINS = 40


def draw_roc(
    clips: ScoredClips, measures: MachineMeasures, path: Path, intervals: MachineIntervals | None = None
) -> None:
    """Draw the ROC curves behind a machine's three measures.

    Parameters
    ----------
    measures : MachineMeasures
        Of these clips, for the legend.
    path : Path
        A .png file.
    intervals : MachineIntervals, optional
        For the legend.

    Raises
    ------
    StridorError
        If there are no anomalies, or no normal clips of a domain.
    """
    require_every_stratum(clips)
    curves = (
        ("auc_source", "AUC source", clips.in_domain("source"), BLUE, "-"),
        ("auc_target", "AUC target", clips.in_domain("target"), ORANGE, "--"),
        ("pauc", "pAUC all clips", np.ones(len(clips.scores), dtype=bool), GREY, ":"),
    )
    with _panels(path) as (axes,):
        axes.set_title(f"{clips.machine}: normal clips of a domain against all anomalies")
        axes.axvspan(0, MAX_FALSE_POSITIVE_RATE, color=GREY, alpha=0.15, linewidth=0)
        axes.plot([0, 1], [0, 1], color="#BBBBBB", linewidth=1)
        for field, label, domain, colour, line in curves:
            false_alarms, hits = _curve(clips, domain)
            interval = getattr(intervals, field) if intervals else None
            text = f"{label} {_percent(getattr(measures, field), interval)}"
            axes.plot(false_alarms, hits, line, color=colour, linewidth=2.2, label=text)
        axes.set_xlabel("false positive rate (share of normal clips)")
        axes.set_ylabel("true positive rate (share of anomalies)")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.01)
        note = f"pAUC counts up to {MAX_FALSE_POSITIVE_RATE:g} (shaded)"
        axes.legend(loc="lower right", title=note, alignment="left")


class Decisions(NamedTuple):
    """What is decided about the test clips of a machine, by two rules.

    Attributes
    ----------
    threshold : float
        Of official result files, the rule of the challenge: a score strictly above it is flagged.
    served : array [clips] of bool
        What a served detector flags, whose thresholds depend on the condition and keep a rate of false alarms.
    """

    threshold: float
    served: NDArray[np.bool_]


def draw_histogram(
    clips: ScoredClips, decisions: Decisions, path: Path, score_label: str = "anomaly score (distance)"
) -> None:
    """Draw histograms of the scores of a machine's normal and anomalous clips, and say how many are flagged.

    Parameters
    ----------
    path : Path
        A .png file.
    score_label : str
        Label of the axis of scores, with its unit.
    """
    groups = (
        ("normal source", ~clips.anomalous & clips.in_domain("source"), BLUE),
        ("normal target", ~clips.anomalous & clips.in_domain("target"), ORANGE),
        ("anomalies", clips.anomalous, PURPLE),
    )
    threshold, served = decisions
    edges = _bin_edges(np.append(clips.scores, threshold))
    histograms = [np.histogram(clips.scores[group], edges)[0] for _, group, _ in groups]
    with _panels(path, len(groups)) as panels:
        for axes, counts, (label, group, colour) in zip(panels, histograms, groups, strict=True):
            above, flagged = int((clips.scores[group] > threshold).sum()), int(served[group].sum())
            axes.stairs(counts, edges, fill=True, color=colour)
            axes.axvline(threshold, color="black", linewidth=1.5, linestyle="-.")
            text = f"{label}: of {int(group.sum())}, {above} above the line, {flagged} flagged when served"
            axes.set_title(text, fontsize="medium")
            axes.set_ylabel("clips per bin")
            axes.locator_params(axis="y", integer=True)
            axes.set_ylim(0, 1.05 * np.max(histograms))
        panels[0].set_xlim(edges[0], edges[-1])
        panels[-1].set_xlabel(score_label)
        title = f"{clips.machine}: scores of the test clips; line: the challenge's threshold, {threshold:.4g}"
        panels[0].figure.suptitle(title, fontsize="large")


def _curve(clips: ScoredClips, domain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.metrics import roc_curve

    counts = clips.anomalous | domain
    false_alarms, hits, _ = roc_curve(clips.anomalous[counts], clips.scores[counts])
    return false_alarms, hits


def _bin_edges(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    # Scores that differ only in their last digits leave no room for bins between them.
    if high - low <= 1e-9 * np.abs(values).max():
        margin = abs(high) / 2 or 0.5
        low, high = low - margin, high + margin
    return np.linspace(low, high, BINS + 1)


def _percent(value: float, interval: Interval | None) -> str:
    return f"{100 * value:.1f} %" + ("" if interval is None else f" {interval_text(interval)}")


@contextmanager
def _panels(path: Path, rows: int = 1) -> Iterator[list[Axes]]:
    """Yield axes, one above the other, of a figure that is written to `path` when the block ends without an error."""
    # Starting from the defaults makes the figure independent of the user's matplotlibrc.
    defaults = {key: value for key, value in matplotlib.rcParamsDefault.items() if "backend" not in key}
    with matplotlib.rc_context({**defaults, **STYLE}):
        figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        yield list(figure.subplots(rows, sharex=True, sharey=True, squeeze=False)[:, 0])
        with atomic_file(path) as temporary:
            # Without the version of matplotlib in the file, an update of it need not change the figure.
            canvas.print_figure(temporary, format="png", metadata={"Software": None})
