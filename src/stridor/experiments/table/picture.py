"""Figure of the totals and of the differences to the full method, with their intervals."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stridor.common.atomic import atomic_file
from stridor.evaluation.plots import BLUE, DOTS_PER_INCH, GREY, ORANGE, STYLE
from stridor.experiments.table.cells import FULL
from stridor.experiments.table.compare import ComparedRow


def draw(compared: Sequence[ComparedRow], path: Path) -> None:
    """Draw a row for each system: its total on the left, its difference to the full method on the right.

    Parameters
    ----------
    compared : sequence of ComparedRow
        The full method must be among them.
    path : Path
        A .png file.
    """
    with matplotlib.rc_context(STYLE | {"font.size": 11}):
        figure = Figure(figsize=(10, 1.4 + 0.42 * len(compared)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        full = next(one for one in compared if one.row.key == FULL)
        left.axvline(100 * full.total, color=GREY, linewidth=1, linestyle=":")
        right.axvline(0, color=GREY, linewidth=1, linestyle=":")
        for y, one in enumerate(compared):
            colour = ORANGE if one.row.key == FULL else BLUE
            low, high = 100 * one.interval.low, 100 * one.interval.high
            left.plot([low, high], [y, y], color=colour, linewidth=2)
            left.plot(100 * one.total, y, "o", color=colour, markersize=7)
            if len(one.totals) > 1:
                left.plot([100 * total for total in one.totals], [y] * len(one.totals), "|", color=GREY)
            if one.to_full is not None:
                ends = [100 * one.to_full.difference.interval.low, 100 * one.to_full.difference.interval.high]
                right.plot(ends, [y, y], color=colour, linewidth=2)
                right.plot(100 * one.to_full.difference.value, y, "o", color=colour, markersize=7)
        left.set_yticks(range(len(compared)), [one.row.name for one in compared])
        left.invert_yaxis()
        left.set(title="total (%)")
        right.set(title="minus full method (points)")
        for axes in (left, right):
            axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
            axes.set_axisbelow(True)
        FigureCanvasAgg(figure)
        with atomic_file(path) as temporary:
            figure.savefig(temporary, dpi=DOTS_PER_INCH, format="png", metadata={"Software": None})
