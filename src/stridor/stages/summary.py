"""Stage `summary`: all detectors in one table, in the shape of the report's Table 1."""

import json
from collections.abc import Callable

from stridor.common.atomic import atomic_file
from stridor.common.stage_process import stage_process
from stridor.data.names import DOMAINS
from stridor.evaluation.bootstrap import bootstrap_difference, bootstrap_intervals
from stridor.evaluation.false_alarms import FalseAlarms
from stridor.evaluation.measures import ScoredClips, measure, total_score
from stridor.evaluation.results_table import SystemResults, difference_text, results_table, to_csv, to_markdown
from stridor.params import Params, read_params
from stridor.stages.layout import REPORTS, Layout, write_json
from stridor.stages.systems import NAMES, System, detector_system, systems_of
from stridor.stages.written_scores import scored_clips


def run(params: Params) -> None:
    """Write `reports/summary.md`, `summary.csv` and `metrics.json`."""
    evaluation = params.evaluation
    scored = {system: scored_of_all(system, params) for system in systems_of(params)}
    results: dict[System, SystemResults] = {}
    totals: dict[System, dict[str, float]] = {}
    for system in scored:
        intervals = bootstrap_intervals(scored[system], evaluation.bootstrap, evaluation.confidence, params.seed)
        measures = {clips.machine: measure(clips) for clips in scored[system]}
        results[system] = SystemResults(NAMES[system], measures, intervals)
        totals[system] = {
            "total": round(total_score(measures.values()), 6),
            "total_low": round(intervals.total.low, 6),
            "total_high": round(intervals.total.high, 6),
        }
    table = results_table(list(results.values()))
    markdown = f"{to_markdown(table)}\n{_gains(scored, params)}\n\n{_false_alarms(list(scored), params)}\n"
    for name, text in (("summary.md", markdown), ("summary.csv", to_csv(table))):
        with atomic_file(REPORTS / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    write_json(REPORTS / "metrics.json", totals)
    print(_totals_text(totals, evaluation.confidence))


def _totals_text(totals: dict[System, dict[str, float]], confidence: float) -> str:
    """Return a line for each system, to be printed."""
    lines = [f"{'system':<26}{'total':>7}  {100 * confidence:.0f} % interval"]
    for system, one in totals.items():
        low, high = 100 * one["total_low"], 100 * one["total_high"]
        lines.append(f"{NAMES[system]:<26}{100 * one['total']:>7.2f}  [{low:.1f}, {high:.1f}]")
    return "\n".join([*lines, f"Percent; {REPORTS / 'summary.md'} has the measures of every machine."])


def _gains(scored: dict[System, list[ScoredClips]], params: Params) -> str:
    """Return a sentence with the gain of the detector over every other system."""
    evaluation = params.evaluation
    sentence = f"Percent, with {100 * evaluation.confidence:.0f} % bootstrap intervals."
    own, gains = detector_system(params), []
    for system in scored:
        if system != own:
            gain = bootstrap_difference(
                scored[system], scored[own], evaluation.bootstrap, evaluation.confidence, params.seed
            )
            gains.append(f"{NAMES[system]} {difference_text(gain)}")
    if not gains:
        return sentence
    return f"{sentence} {NAMES[own].capitalize()} minus, on the same resampled clips: {', '.join(gains)}."


def _false_alarms(systems: list[System], params: Params) -> str:
    """Return a table of the normal test clips that a detector would flag if it were served."""
    confidence, rate = params.evaluation.confidence, params.bank.false_alarm_rate
    measured = [json.loads(Layout(detector).metrics.read_text(encoding="utf-8")) for detector in params.detectors]
    lines = [
        f"Normal test clips flagged where {100 * rate:g} % are promised (`bank.false_alarm_rate`), of all machines, "
        f"with {100 * confidence:g} % intervals for independent clips. The autoencoders are calibrated on the clips "
        "that they were trained on, as in the organisers' code, and promise nothing.",
        "",
        f"| system | {' | '.join(DOMAINS)} |",
        f"| --- |{' ---: |' * len(DOMAINS)}",
    ]
    for system in systems:
        cells = [
            FalseAlarms.sum(
                FalseAlarms(one[system][f"served_false_alarms_{domain}"], one[system][f"normals_{domain}"])
                for one in measured
            ).text(confidence)
            for domain in DOMAINS
        ]
        lines.append(f"| {NAMES[system]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def scored_of_all(
    system: str, params: Params, layout_of: Callable[[str], Layout] = Layout
) -> list[ScoredClips]:  # fmt: skip
    """Read a system's scores of the machines of all detectors, whose paths `layout_of` returns.

    Raises
    ------
    StridorError
        If a machine was not scored by the system.
    """
    return [
        clips
        for detector, of_detector in params.detectors.items()
        for clips in scored_clips(layout_of(detector), system, of_detector.machines)
    ]


if __name__ == "__main__":
    with stage_process():
        run(read_params())
