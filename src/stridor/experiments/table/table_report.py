"""Report of the table: a Markdown page, and a CSV file with every number."""

from collections.abc import Mapping, Sequence

import pandas as pd

from stridor.evaluation.results_table import ROWS, difference_text, interval_text, markdown_table, signed_interval_text
from stridor.experiments.table.compare import ComparedRow
from stridor.experiments.table.published import Published
from stridor.params import Params

FIELDS = tuple(ROWS)


def to_markdown(compared: Sequence[ComparedRow], params: Params, published: Mapping[str, Published]) -> str:
    """Return the Markdown page.

    Parameters
    ----------
    published : mapping of str to Published
        By key of a row; empty if the data are not those of the published results.
    """
    variants = [
        f"- {one.row.name}: {', '.join(f'`{name}: {value}`' for name, value in changes.items())}"
        for one in compared
        if (changes := params.table.variants.get(one.row.key))
    ]
    parts = [
        "# Every system and every variant on the same test clips",
        _introduction(compared, params, published),
        "## Totals",
        markdown_table(_totals(compared, published), names=1),
        "![Totals and differences with their intervals](table.png)",
        "## Machines",
        markdown_table(_machines(compared, published), names=2),
        *(["## Variants", "\n".join(variants)] if variants else []),
    ]
    return "\n\n".join(parts) + "\n"


def to_csv(compared: Sequence[ComparedRow]) -> str:
    """Return a CSV row for every system: total, spread, interval, difference to the full method, measures; percent."""
    rows = []
    for one in compared:
        row: dict[str, object] = {
            "system": one.row.key, "seeds": len(one.totals), "total": 100 * one.total,
            "spread": None if one.spread is None else 100 * one.spread,
            "low": 100 * one.interval.low, "high": 100 * one.interval.high,
        }  # fmt: skip
        for name, gain in (("to_full", one.to_full), ("to_joined", one.to_joined)):
            row |= {
                name: None if gain is None else 100 * gain.difference.value,
                f"{name}_low": None if gain is None else 100 * gain.difference.interval.low,
                f"{name}_high": None if gain is None else 100 * gain.difference.interval.high,
                f"{name}_over_machines_low": None if gain is None else 100 * gain.over_machines.low,
                f"{name}_over_machines_high": None if gain is None else 100 * gain.over_machines.high,
            }
        for machine, measures in one.machines.items():
            row |= {f"{machine}/{field}": 100 * getattr(measures, field) for field in FIELDS}
        rows.append(row)
    return pd.DataFrame(rows).to_csv(index=False, float_format="%.4f", lineterminator="\n")


def _introduction(compared: Sequence[ComparedRow], params: Params, published: Mapping[str, Published]) -> str:
    seeds, evaluation = len(params.table.seeds), params.evaluation
    text = (
        f"Percent. The total is the harmonic mean of AUC source, AUC target and pAUC over {len(compared[0].machines)} "
        f"machines. Intervals hold {100 * evaluation.confidence:.0f} % of {evaluation.bootstrap} totals over resampled "
        "test clips, which are the same for every row; so a difference to the full method can be told from luck of the "
        "test clips where its interval does not hold 0. *Over machines as well* is the interval of the same difference "
        "where the machines are drawn again too, and speaks for other machines like these."
    )
    if seeds > 1:
        text += (
            f" What is trained was trained with {seeds} seeds: values are means over them, the spread is their "
            "standard deviation, which no interval contains; within a resample the totals of the seeds are averaged."
        )
    else:
        text += " Everything was trained with one seed; what another one would bring is not in the intervals."
    if published:
        text += (
            " Published numbers were taken on the same data by others: the autoencoders and the full method by the "
            "report's Table 1, the frozen encoder with the checkpoint BEATs iter3+ AS2M and cosine distance."
        )
    return text


def _totals(compared: Sequence[ComparedRow], published: Mapping[str, Published]) -> list[list[str]]:
    spread = any(one.spread is not None for one in compared)
    joined = any(one.to_joined is not None for one in compared)
    head = ["system", "total", *(["spread over seeds"] if spread else []), "interval"]
    for name in ("full method", *(["joined views"] if joined else [])):
        head += [f"minus {name}", "over machines as well"]
    lines = [[*head, *(["published"] if published else [])]]
    for one in compared:
        line = [one.row.name, f"{100 * one.total:.2f}"]
        if spread:
            line.append("" if one.spread is None else f"{100 * one.spread:.2f}")
        line.append(interval_text(one.interval))
        for gain in (one.to_full, *([one.to_joined] if joined else [])):
            line += ["", ""] if gain is None else [
                difference_text(gain.difference), signed_interval_text(gain.over_machines),
            ]  # fmt: skip
        if published:
            line.append(f"{published[one.row.key].total:.2f}" if one.row.key in published else "")
        lines.append(line)
    return lines


def _machines(compared: Sequence[ComparedRow], published: Mapping[str, Published]) -> list[list[str]]:
    others = [(one.row.name, published[one.row.key]) for one in compared if one.row.key in published]
    others = [(name, other) for name, other in others if other.machines]
    lines = [
        ["machine", "measure", *(one.row.name for one in compared), *(f"{name} (published)" for name, _ in others)]
    ]
    for machine in compared[0].machines:
        for field, title in ROWS.items():
            values = [one.machines for one in compared] + [other.machines for _, other in others]
            numbers = (f"{100 * getattr(measures[machine], field):.2f}" for measures in values)
            lines.append([machine if field == FIELDS[0] else "", title, *numbers])
    return lines
