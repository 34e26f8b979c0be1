"""Stage `summary`: all detectors in one table, in the shape of the report's Table 1."""

from stridor.data.names import parse_clip_name
from stridor.errors import one_sentence
from stridor.params import Params, read_params
from stridor.scoring.bootstrap import bootstrap_differences, bootstrap_intervals
from stridor.scoring.measures import ScoredClips, measure, total_score
from stridor.scoring.official import read_official
from stridor.scoring.table import SystemResults, results_table, to_csv, to_markdown
from stridor.stages.entry import write_json
from stridor.stages.places import REPORTS, Places
from stridor.stages.systems import FINE_TUNED, NAMES, System, systems_of
from stridor.whole import whole_file


def run(params: Params) -> None:
    """Write `reports/summary.md`, `summary.csv` and `metrics.json`."""
    evaluation = params.evaluation
    scored = {system: _scored(system, params) for system in systems_of(params)}
    results = {}
    for system in scored:
        intervals = bootstrap_intervals(scored[system], evaluation.bootstrap, evaluation.confidence, params.seed)
        measures = {clips.machine: measure(clips) for clips in scored[system]}
        results[system] = SystemResults(NAMES[system], measures, intervals)
    table = results_table(list(results.values()))
    markdown = f"{to_markdown(table)}\n{_gains(scored, params)}\n"
    for name, text in (("summary.md", markdown), ("summary.csv", to_csv(table))):
        with whole_file(REPORTS / name) as beside:
            beside.write_text(text, encoding="utf-8")
    write_json(REPORTS / "metrics.json", {
        system: {
            "total": round(total_score(one.machines.values()), 6),
            "total_low": round(one.intervals.total.low, 6),
            "total_high": round(one.intervals.total.high, 6),
        }
        for system, one in results.items()
    })  # fmt: skip
    print(markdown)


def _gains(scored: dict[System, list[ScoredClips]], params: Params) -> str:
    """Say how far the fine-tuned encoder is ahead of every baseline."""
    evaluation = params.evaluation
    sentence = f"Percent, with {100 * evaluation.confidence:.0f} % bootstrap intervals."
    gains = []
    for system in scored:
        if system != FINE_TUNED:
            gain = bootstrap_differences(
                scored[system], scored[FINE_TUNED], evaluation.bootstrap, evaluation.confidence, params.seed
            ).total
            low, high = gain.interval.low, gain.interval.high
            gains.append(f"{NAMES[system]} {100 * gain.value:+.2f} [{100 * low:+.1f}, {100 * high:+.1f}]")
    return f"{sentence} Fine-tuned minus, on the same resampled clips: {', '.join(gains)}." if gains else sentence


def _scored(system: System, params: Params) -> list[ScoredClips]:
    """Read back what the evaluate stages wrote; the names of labelled clips say domain and label."""
    scored = []
    for detector, of_detector in params.detectors.items():
        for machine in of_detector.machines:
            values: dict[str, float] = {}
            for path in sorted((Places(detector).scores / system).glob(f"anomaly_score_{machine}_section_*_test.csv")):
                section = path.stem.removeprefix(f"anomaly_score_{machine}_section_").removesuffix("_test")
                official = read_official(path.parent, machine, section)
                values |= dict(zip(official.file_names, official.scores.tolist(), strict=True))
            names = [parse_clip_name(name, "test") for name in values]
            scored.append(
                ScoredClips(machine, list(values), [name.domain for name in names], [name.label for name in names],
                            list(values.values()))
            )  # fmt: skip
    return scored


if __name__ == "__main__":
    with one_sentence():
        run(read_params())
