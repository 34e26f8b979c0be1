"""What is said of a sweep: a page for people and a table with every combination."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict

import pandas as pd

from stridor.evaluation.results_table import difference_text
from stridor.experiments.sweep.choose import OptionGain, Verdict, totals
from stridor.experiments.sweep.grid import LITERAL

INTRODUCTION = """\
# Sweep of the scoring options

Every combination of the lists under `sweep` in `params.yaml`, scored from stored vectors. What counts is
**leave one machine out**: for each machine the combination with the best total over the *other* machines is chosen,
and this machine's measures are taken with it. The best total on all machines is no finding, since the labels of
these very clips chose it; it is named because its distance to the one before says how much of it is luck.

The rule, written down before the results: the combination that all machines together choose is recommended only if
the gain of leave one machine out over the literal setting lies above 0 with its whole interval, and there are three
machines or more (of two, one alone would choose); or else the literal setting stays. The interval resamples the test
clips; the choices are not made again.
"""


def to_markdown(verdicts: Mapping[str, Verdict], confidence: float) -> str:
    """Write the page.

    Parameters
    ----------
    verdicts : mapping of str to Verdict
        By the name of the system.
    confidence : float
        Of the intervals, in (0, 1).
    """
    return "\n".join([INTRODUCTION, *(_system(name, one, confidence) for name, one in verdicts.items())])


def to_csv(verdicts: Mapping[str, Verdict]) -> str:
    """Write a row for every combination of every system, with three measures of each machine and the total."""
    rows = []
    for system, verdict in verdicts.items():
        for one, values, total in zip(verdict.combinations, verdict.values, totals(verdict.values), strict=True):
            row = {"system": system} | asdict(one) | {"total": total}
            for machine, of_machine in zip(verdict.machines, values, strict=True):
                names = (f"{machine}/{measure}" for measure in ("auc_source", "auc_target", "pauc"))
                row |= dict(zip(names, of_machine, strict=True))
            rows.append(row)
    return pd.DataFrame(rows).to_csv(index=False, float_format="%.4f", lineterminator="\n")


def summary(name: str, verdict: Verdict) -> str:
    """Say the outcome of a system in one line."""
    literal, chosen = 100 * verdict.literal_total, 100 * (verdict.literal_total + verdict.gain.value)
    return (
        f"{name}: literal {literal:.2f}, leave one machine out {chosen:.2f}, "
        f"gain {difference_text(verdict.gain)}; recommended: {verdict.recommended.text()}"
    )


def _system(name: str, verdict: Verdict, confidence: float) -> str:
    literal = verdict.literal_total
    lines = [
        f"## {name[0].upper()}{name[1:]}",
        "",
        f"{len(verdict.combinations)} combinations on {len(verdict.machines)} machines. Totals in percent:",
        "",
        "| | total |",
        "|---|---:|",
        f"| literal setting | {100 * literal:.2f} |",
        f"| leave one machine out | {100 * (literal + verdict.gain.value):.2f} |",
        f"| best on these labels (no finding) | {100 * verdict.favourite_total:.2f} |",
        "",
        f"Leave one machine out minus literal: {difference_text(verdict.gain)} "
        f"({100 * confidence:.0f} % paired bootstrap interval).",
        "",
        *_recommendation(verdict),
        "",
        "| machine | chosen by the others | literal | with the choice | gain |",
        "|---|---|---:|---:|---:|",
        *(
            f"| {one.machine} | {one.combination.text()} | {100 * one.literal:.2f} | {100 * one.chosen:.2f} | "
            f"{100 * (one.chosen - one.literal):+.2f} |"
            for one in verdict.choices
        ),
        f"| total | {_counted(verdict)} | {100 * literal:.2f} | {100 * (literal + verdict.gain.value):.2f} | "
        f"{100 * verdict.gain.value:+.2f} |",
        "",
        "Mean gain of a machine's harmonic mean by one option in the place of its literal value: with all other "
        "options literal, and over all combinations of the others. No value is chosen here, so every machine counts.",
        "",
        "| option | value | others literal | over all others | machines better | chosen for |",
        "|---|---|---:|---:|---:|---:|",
        *(_option(one, len(verdict.machines)) for one in verdict.options),
        "",
        *_impossible(verdict),
    ]
    return "\n".join(lines)


def _option(one: OptionGain, machines: int) -> str:
    alone = "impossible" if one.alone is None else f"{100 * one.alone:+.2f}"
    return (
        f"| {one.option} | {one.value} | {alone} | {100 * one.gain:+.2f} | {one.machines_better} of {machines} | "
        f"{one.chosen} of {machines} |"
    )


def _recommendation(verdict: Verdict) -> list[str]:
    if verdict.recommended == LITERAL:
        if verdict.favourite == LITERAL:
            why = "all machines together choose it"
        elif verdict.gain.interval.low > 0:
            why = "two machines are too few to choose by"
        else:
            why = "the gain is not beyond luck"
        return [f"Recommended: the literal setting; {why}."]
    return ["Recommended:", "", "```yaml", verdict.recommended.yaml(), "```"]


def _counted(verdict: Verdict) -> str:
    counts = Counter(choice.combination for choice in verdict.choices)
    return f"{len(counts)} different, the most frequent {counts.most_common(1)[0][1]} times"


def _impossible(verdict: Verdict) -> list[str]:
    if not verdict.impossible:
        return []
    reasons = Counter(verdict.impossible.values())
    return [
        "Left out, because a machine has too few clips:",
        "",
        *(f"- {count} combinations: {why}" for why, count in reasons.items()),
        "",
    ]
