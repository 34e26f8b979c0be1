"""Report of a ranking: a Markdown page."""

from collections.abc import Mapping

import numpy as np

from stridor.evaluation.measures import harmonic_mean
from stridor.experiments.select.rank import Ranked
from stridor.experiments.select.ways import Way
from stridor.selection.rank_correlation import rank_correlation

INTRODUCTION = """\
# Ways to score, ranked without labels

Faults are injected into normal clips of every machine (a tone, knocking, a band that is louder, softer or swells, a
band of another clip, another speed; `selection/faults.py` has the strengths). The **pseudo-anomaly AUC** is the mean
over the faults of the AUC of these clips against normal clips that the bank does not hold. It needs normal clips
only. *Frozen* is the encoder before training; *fine-tuned* encoders are ranked where all have been trained, and have an
advantage: they were trained on the clips that stand for unheard ones. The idea is that of Wilkinghoff and Tan; the
faults are ours.

The rule, written down before the results: what is recommended has the highest mean over the machines. The official
total stands beside it where the test clips are labelled, and nothing is chosen by it; the rank correlations say how
far injected faults can be trusted here.
"""

Results = Mapping[str, Mapping[Way, Ranked]]


def mean_pseudo_auc(results: Results, way: Way) -> float:
    """Return the mean over the machines."""
    return float(np.mean([ranked[way].pseudo_auc for ranked in results.values()]))


def total(results: Results, way: Way) -> float | None:
    """Return the official total over all machines; None if one has no labelled test clips."""
    values = [ranked[way].hmean for ranked in results.values()]
    return None if None in values else float(harmonic_mean([value for value in values if value is not None]))


def best(results: Results) -> Way:
    """Return the way with the highest mean; of equal ones the first, which has fewer views."""
    some = next(iter(results.values()))
    return max(some, key=lambda way: mean_pseudo_auc(results, way))


def to_markdown(results: Results) -> str:
    """Return the page.

    Parameters
    ----------
    results : mapping of str to mapping of Way to Ranked
        By machine; the same ways for all.
    """
    chosen = best(results)
    some = next(iter(results.values()))
    rows = sorted(((way, mean_pseudo_auc(results, way), total(results, way)) for way in some), key=lambda row: -row[1])
    overall = rank_correlation([row[1] for row in rows], [row[2] for row in rows])
    lines = [
        INTRODUCTION,
        f"Machines: {', '.join(results)}. Recommended, as the entry of `bank` in params.yaml:",
        "",
        "```yaml",
        chosen.yaml(),
        "```",
        "",
        "| views | pseudo-anomaly AUC | official total |",
        "|---|---:|---:|",
        *(f"| {way.text()} | {100 * one:.1f} | {_percent(measured)} |" for way, one, measured in rows),
        "",
        "Spearman's rank correlation of the two over all ways:",
        "",
        "| machine | correlation | chosen for it alone | its harmonic mean |",
        "|---|---:|---|---:|",
        *(_machine(name, ranked) for name, ranked in results.items()),
        "",
    ]
    if overall is not None:
        lines += [f"Of the means and totals over all machines: {overall:+.2f}.", ""]
    return "\n".join(lines)


def _machine(name: str, ranked: Mapping[Way, Ranked]) -> str:
    own = max(ranked, key=lambda way: ranked[way].pseudo_auc)
    found = rank_correlation([one.pseudo_auc for one in ranked.values()], [one.hmean for one in ranked.values()])
    return f"| {name} | {'-' if found is None else f'{found:+.2f}'} | {own.text()} | {_percent(ranked[own].hmean)} |"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
