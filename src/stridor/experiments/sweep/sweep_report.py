"""Report of a sweep: a Markdown page, and a CSV file with every combination."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd

from stridor.evaluation.measures import harmonic_mean
from stridor.evaluation.results_table import difference_text
from stridor.experiments.sweep.choose import OptionGain, SystemSweep, totals
from stridor.experiments.sweep.grid import LITERAL
from stridor.selection.rank_correlation import rank_correlation

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

The pseudo-anomaly AUC needs no labels: faults are injected into normal clips, which a bank of other normal clips has to
tell from normal ones (`make select` has more on it). It stands beside the labels' numbers to show how far it may be
trusted, and chooses nothing here.
"""


def to_markdown(results: Mapping[str, SystemSweep], confidence: float) -> str:
    """Return the Markdown page.

    Parameters
    ----------
    results : mapping of str to SystemSweep
        By name of the system.
    confidence : float
        Of the intervals, in (0, 1).
    """
    return "\n".join([INTRODUCTION, *(_system(name, one, confidence) for name, one in results.items())])


def to_csv(results: Mapping[str, SystemSweep]) -> str:
    """Return a CSV row for every combination of every system.

    It holds the total, the mean pseudo-anomaly AUC, and the three measures of each machine.
    """
    rows = []
    for system, result in results.items():
        measured = zip(result.combinations, result.values, totals(result.values), result.pseudo, strict=True)
        for one, values, total, pseudo in measured:
            row = {"system": system} | asdict(one) | {"total": total, "pseudo_auc": pseudo.mean()}
            for machine, machine_values in zip(result.machines, values, strict=True):
                names = (f"{machine}/{measure}" for measure in ("auc_source", "auc_target", "pauc"))
                row |= dict(zip(names, machine_values, strict=True))
            rows.append(row)
    return pd.DataFrame(rows).to_csv(index=False, float_format="%.4f", lineterminator="\n")


def summary(name: str, result: SystemSweep) -> str:
    """Return the result of a system in one line."""
    literal, chosen = 100 * result.literal_total, 100 * (result.literal_total + result.gain.value)
    return (
        f"{name}: literal {literal:.2f}, leave one machine out {chosen:.2f}, "
        f"gain {difference_text(result.gain)}; recommended: {result.recommended.text()}"
    )


def _system(name: str, result: SystemSweep, confidence: float) -> str:
    literal = result.literal_total
    lines = [
        f"## {name[0].upper()}{name[1:]}",
        "",
        f"{len(result.combinations)} combinations on {len(result.machines)} machines. Totals in percent:",
        "",
        "| | total |",
        "|---|---:|",
        f"| literal setting | {100 * literal:.2f} |",
        f"| leave one machine out | {100 * (literal + result.gain.value):.2f} |",
        f"| best on these labels (no finding) | {100 * result.favourite_total:.2f} |",
        "",
        f"Leave one machine out minus literal: {difference_text(result.gain)} "
        f"({100 * confidence:.0f} % paired bootstrap interval).",
        "",
        *_recommendation(result),
        "",
        "| machine | chosen by the others | literal | with the choice | gain |",
        "|---|---|---:|---:|---:|",
        *(
            f"| {one.machine} | {one.combination.text()} | {100 * one.literal:.2f} | {100 * one.chosen:.2f} | "
            f"{100 * (one.chosen - one.literal):+.2f} |"
            for one in result.choices
        ),
        f"| total | {_counted(result)} | {100 * literal:.2f} | {100 * (literal + result.gain.value):.2f} | "
        f"{100 * result.gain.value:+.2f} |",
        "",
        "Mean gain of a machine's harmonic mean by one option in the place of its literal value: with all other "
        "options literal, and over all combinations of the others. No value is chosen here, so every machine counts.",
        "",
        "| option | value | others literal | over all others | machines better | chosen for |",
        "|---|---|---:|---:|---:|---:|",
        *(_option(one, len(result.machines)) for one in result.options),
        "",
        *_without_labels(result),
        *_impossible(result),
    ]
    return "\n".join(lines)


def _without_labels(result: SystemSweep) -> list[str]:
    """Say what would have been chosen by injected faults, and how well the two orders agree."""
    known = ~np.isnan(result.pseudo).any(axis=1)
    if not known.any():
        return ["There are too few normal clips for a pseudo-anomaly AUC (ten a machine).", ""]
    some = np.flatnonzero(known)
    pseudo, values = result.pseudo[some], result.values[some]
    official, by_machine = totals(values), harmonic_mean(values, axis=2)
    best = int(np.argmax(pseudo.mean(axis=1)))
    overall = rank_correlation(pseudo.mean(axis=1).tolist(), official.tolist())
    rows = []
    for number, machine in enumerate(result.machines):
        own, found = int(np.argmax(pseudo[:, number])), by_machine[:, number]
        agreed = _correlation(rank_correlation(pseudo[:, number].tolist(), found.tolist()))
        rows.append(f"| {machine} | {agreed} | {result.combinations[some[own]].text()} | {100 * found[own]:.2f} |")
    return [
        f"Without labels: by the mean pseudo-anomaly AUC of {len(some)} combinations, "
        f"{result.combinations[some[best]].text()} would be chosen ({100 * pseudo[best].mean():.2f}), whose total is "
        f"{100 * official[best]:.2f}. Spearman's rank correlation of pseudo-anomaly AUC and total over the "
        f"combinations is {_correlation(overall)}; by machine:",
        "",
        "| machine | rank correlation | chosen for it alone | its harmonic mean |",
        "|---|---:|---|---:|",
        *rows,
        "",
    ]


def _correlation(found: float | None) -> str:
    return "not defined" if found is None else f"{found:+.2f}"


def _option(one: OptionGain, machines: int) -> str:
    alone = "impossible" if one.alone is None else f"{100 * one.alone:+.2f}"
    return (
        f"| {one.option} | {one.value} | {alone} | {100 * one.gain:+.2f} | {one.machines_better} of {machines} | "
        f"{one.chosen} of {machines} |"
    )


def _recommendation(result: SystemSweep) -> list[str]:
    if result.recommended == LITERAL:
        if result.favourite == LITERAL:
            reason = "all machines together choose it"
        elif result.gain.interval.low > 0:
            reason = "two machines are too few to choose by"
        else:
            reason = "the gain is not beyond luck"
        return [f"Recommended: the literal setting; {reason}."]
    return ["Recommended:", "", "```yaml", result.recommended.yaml(), "```"]


def _counted(result: SystemSweep) -> str:
    counts = Counter(choice.combination for choice in result.choices)
    return f"{len(counts)} different, the most frequent {counts.most_common(1)[0][1]} times"


def _impossible(result: SystemSweep) -> list[str]:
    if not result.impossible:
        return []
    reasons = Counter(result.impossible.values())
    return [
        "Left out, because a machine has too few clips:",
        "",
        *(f"- {count} combinations: {why}" for why, count in reasons.items()),
        "",
    ]
