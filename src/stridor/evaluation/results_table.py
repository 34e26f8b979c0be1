"""Results of several systems side by side, in the shape of the report's Table 1, in percent."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from stridor.common.errors import StridorError
from stridor.evaluation.bootstrap import Difference, Interval, Intervals
from stridor.evaluation.measures import MachineMeasures, total_score

ROWS = {"auc_source": "AUC source", "auc_target": "AUC target", "pauc": "pAUC"}
TOTAL = "total"
HARMONIC_MEAN = "harmonic mean"


@dataclass(frozen=True)
class SystemResults:
    """The measures of one system.

    Attributes
    ----------
    name : str
        Heading of the system's columns, such as "frozen encoder".
    intervals : Intervals or None
        For the same machines.
    """

    name: str
    machines: Mapping[str, MachineMeasures]
    intervals: Intervals | None = None


def results_table(systems: Sequence[SystemResults]) -> pd.DataFrame:
    """Put the measures of several systems into one table.

    Parameters
    ----------
    systems : sequence of SystemResults
        All with the same machines, which are listed in the order of the first system.

    Returns
    -------
    DataFrame
        Rows (machine, measure), three per machine and one for the total. Columns (system, "value" | "low" |
        "high"), in percent; without intervals low and high are NaN.

    Raises
    ------
    StridorError
        If there is no system, two share a name, or their machines differ.
    """
    names = [system.name for system in systems]
    if not names or len(set(names)) < len(names):
        given = ", ".join(names) or "none"
        raise StridorError(f"A table needs one system or more, each with a name of its own; got {given}.")
    for system in systems[1:]:
        odd = sorted(set(system.machines) ^ set(systems[0].machines))
        if odd:
            raise StridorError(
                f"The systems '{names[0]}' and '{system.name}' cannot be compared, as only one has "
                f"{', '.join(odd)}; evaluate both on the same machines."
            )
    columns = {}
    machines = list(systems[0].machines)
    for system in systems:
        cells = _cells(system, machines)
        columns[system.name, "value"] = [100 * value for value, _ in cells]
        for end in ("low", "high"):
            columns[system.name, end] = [100 * getattr(interval, end, math.nan) for _, interval in cells]
    rows = [(machine, row) for machine in machines for row in ROWS.values()] + [(TOTAL, HARMONIC_MEAN)]
    table = pd.DataFrame(columns, index=pd.MultiIndex.from_tuples(rows, names=["machine", "measure"]))
    table.columns.names = ["system", None]
    return table


def to_markdown(table: pd.DataFrame, decimals: int = 2) -> str:
    """Render a results table as Markdown, with each interval in brackets after its value.

    Parameters
    ----------
    table : DataFrame
        From `results_table`.
    decimals : int
        Decimals of the values; intervals have one.
    """
    systems = list(dict.fromkeys(table.columns.get_level_values(0)))
    lines = [["machine", "measure", *systems]]
    previous = None
    for (machine, measure), values in table.iterrows():
        # A machine is named once for its three rows.
        first = "" if machine == previous else machine
        previous = machine
        lines.append([first, measure, *(_cell(values[system], decimals) for system in systems)])
    return markdown_table(lines, names=2) + "\n"


def markdown_table(lines: Sequence[Sequence[str]], names: int) -> str:
    """Render lines of cells, header first, as a Markdown table; all but the first `names` columns are right-aligned."""
    ruler = ["---"] * names + ["---:"] * (len(lines[0]) - names)
    return "\n".join(map(_row, [lines[0], ruler, *lines[1:]]))


def interval_text(interval: Interval) -> str:
    """Format an interval of shares in percent."""
    return f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def difference_text(difference: Difference) -> str:
    """Format a difference of shares and its interval in percentage points."""
    return f"{100 * difference.value:+.2f} {signed_interval_text(difference.interval)}"


def signed_interval_text(interval: Interval) -> str:
    """Format the interval of a difference of shares in percentage points."""
    return f"[{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"


def to_csv(table: pd.DataFrame, decimals: int = 4) -> str:
    """Render a results table as CSV; a system has the columns "<name>", "<name> low" and "<name> high"."""
    flat = table.copy()
    flat.columns = [system if part == "value" else f"{system} {part}" for system, part in table.columns.to_flat_index()]
    return flat.reset_index().to_csv(index=False, float_format=f"%.{decimals}f", lineterminator="\n")


def _cells(system: SystemResults, machines: Sequence[str]) -> list[tuple[float, Interval | None]]:
    machine_intervals = system.intervals.machines if system.intervals else {}
    cells = [
        (getattr(system.machines[machine], field), getattr(machine_intervals.get(machine), field, None))
        for machine in machines
        for field in ROWS
    ]
    return [*cells, (total_score(system.machines.values()), getattr(system.intervals, TOTAL, None))]


def _cell(values: pd.Series, decimals: int) -> str:
    text = f"{values['value']:.{decimals}f}"
    return text if math.isnan(values["low"]) else f"{text} [{values['low']:.1f}, {values['high']:.1f}]"


def _row(cells: Sequence[str]) -> str:
    # A vertical bar in a name would end its cell.
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
