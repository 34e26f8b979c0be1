"""Stage `evaluate`: score a detector's test clips, compute and draw measures, and log them to the training's run."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stridor.common.atomic import atomic_folder
from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.data.manifest import Clip, Manifest
from stridor.data.names import DOMAINS
from stridor.evaluation.bootstrap import Intervals, bootstrap_intervals
from stridor.evaluation.measures import (
    MachineMeasures,
    ScoredClips,
    false_alarm_rate,
    harmonic_mean,
    measure,
    total_score,
)
from stridor.evaluation.official import write_official
from stridor.evaluation.plots import Decisions, draw_histogram, draw_roc
from stridor.params import Params
from stridor.scoring.reference import Scorer
from stridor.stages.layout import Layout, run_for_detector, write_json
from stridor.stages.scorers import make_embedders, scorers
from stridor.stages.systems import AUTOENCODERS, System, detector_system, systems_of
from stridor.tracking.runs import find_training_run, log_evaluation


def run(layout: Layout, params: Params) -> None:
    """Write `scores/`, `figures/` and `metrics.json`."""
    test = labelled_test_clips(Manifest.read(layout.manifest))
    metrics: dict[str, dict[str, float]] = {}
    with atomic_folder(layout.scores) as scores, atomic_folder(layout.figures) as figures:
        of_systems = _scorers(test, layout, params)
        # All systems of a machine, one after the other: they share the encodings of its clips.
        judgements = {
            (system, machine): found[machine].judge(clips, params.audio)
            for machine, clips in test.items()
            for system, found in of_systems.items()
        }
        for system, found in of_systems.items():
            judged = {machine: judgements[system, machine] for machine in test}
            scored = [with_scores(machine, clips, judged[machine][0]) for machine, clips in test.items()]
            _write(scored, found, scores / system)
            evaluation = params.evaluation
            intervals = bootstrap_intervals(scored, evaluation.bootstrap, evaluation.confidence, params.seed)
            measures = {clips.machine: measure(clips) for clips in scored}
            metrics[system] = _metrics(measures, intervals, scored, found) | _served(test, judged)
            if system == detector_system(params):
                decisions = {
                    machine: Decisions(found[machine].calibration.threshold, flagged)
                    for machine, (_, flagged) in judged.items()
                }
                _draw(scored, measures, intervals, decisions, figures)
    write_json(layout.metrics, metrics)
    _report(layout.detector, metrics)
    of_all = {f"{system}/{name}": value for system in metrics for name, value in metrics[system].items()}
    run_id = find_training_run(file_md5(layout.encoder))
    log_evaluation(run_id, layout.detector, params, of_all, sorted(layout.figures.glob("*.png")))


def _scorers(test: dict[str, list[Clip]], layout: Layout, params: Params) -> dict[System, dict[str, Scorer]]:
    systems = systems_of(params)
    embedders = make_embedders((one for one in systems if one not in AUTOENCODERS), layout, params)
    return {system: scorers(system, test, layout, params, embedders.get(system)) for system in systems}


def labelled_test_clips(manifest: Manifest) -> dict[str, list[Clip]]:
    """Return each machine's test clips.

    Raises
    ------
    StridorError
        If a machine has none, or their names do not contain domain and label.
    """
    test = {machine: manifest.select("test", machine) for machine in manifest.machines}
    for machine, clips in test.items():
        if not clips:
            raise StridorError(
                f"The machine '{machine}' has no test clips and cannot be evaluated; add clips to "
                f"data/{machine}/test, or score recordings one by one with 'stridor score'."
            )
        if hidden := [clip for clip in clips if not (clip.domain and clip.label)]:
            raise StridorError(
                f"The name of {hidden[0].path} does not contain domain and label, so it cannot be evaluated; give the "
                "test clips of this machine labelled names."
            )
    return test


def score_clips(machine: str, clips: Sequence[Clip], scorer: Scorer, params: Params) -> ScoredClips:
    """Score labelled clips of a machine."""
    return with_scores(machine, clips, scorer.score(clips, params.audio))


def with_scores(machine: str, clips: Sequence[Clip], scores: NDArray[np.float64]) -> ScoredClips:
    """Put labelled clips of a machine and their scores together."""
    names, domains, labels = ([getattr(clip, name) for clip in clips] for name in ("file_name", "domain", "label"))
    return ScoredClips(machine, names, domains, labels, scores)


def _write(scored: list[ScoredClips], found: dict[str, Scorer], folder: Path) -> None:
    for clips in scored:
        decisions = found[clips.machine].calibration.decide(clips.scores)
        write_official(folder, clips.machine, clips.file_names, clips.scores, decisions)


def _metrics(
    measures: dict[str, MachineMeasures], intervals: Intervals, scored: list[ScoredClips],
    found: dict[str, Scorer],
) -> dict[str, float]:  # fmt: skip
    """Return harmonic means over the detector's machines; for a single machine these are its own values."""
    columns = {name: [asdict(one)[name] for one in measures.values()] for name in ("auc_source", "auc_target", "pauc")}
    metrics = {name: float(harmonic_mean(values)) for name, values in columns.items()}
    metrics["hmean"] = total_score(measures.values())
    metrics["hmean_low"], metrics["hmean_high"] = intervals.total.low, intervals.total.high
    for domain in DOMAINS:
        found_rates = (false_alarm_rate(one, found[one.machine].calibration.threshold, domain) for one in scored)
        # Clips that could be measured have normals of both domains.
        rates = [rate for rate in found_rates if rate is not None]
        metrics[f"false_alarm_rate_{domain}"] = sum(rates) / len(rates)
    return {name: round(value, 6) for name, value in metrics.items()}


def _served(
    test: dict[str, list[Clip]], judged: dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]
) -> dict[str, float]:
    """Count the normal clips of each domain, and those that a served detector, with its promised rate, would flag."""
    metrics: dict[str, float] = {}
    for domain in DOMAINS:
        flags = [
            flagged
            for machine, clips in test.items()
            for clip, flagged in zip(clips, judged[machine][1].tolist(), strict=True)
            if (clip.domain, clip.label) == (domain, "normal")
        ]
        metrics[f"served_false_alarms_{domain}"] = sum(flags)
        metrics[f"normals_{domain}"] = len(flags)
    return metrics


def _draw(
    scored: list[ScoredClips], measures: dict[str, MachineMeasures], intervals: Intervals,
    decisions: dict[str, Decisions], folder: Path,
) -> None:  # fmt: skip
    for clips in scored:
        machine = clips.machine
        draw_roc(clips, measures[machine], folder / f"{machine}_roc.png", intervals.machines[machine])
        draw_histogram(clips, decisions[machine], folder / f"{machine}_scores.png")


def _report(detector: str, metrics: dict[str, dict[str, float]]) -> None:
    for system, values in metrics.items():
        cells = ", ".join(f"{name} {100 * values[name]:.1f}" for name in ("auc_source", "auc_target", "pauc"))
        interval = f"[{100 * values['hmean_low']:.1f}, {100 * values['hmean_high']:.1f}]"
        print(f"{detector}, {system}: {cells}, harmonic mean {100 * values['hmean']:.1f} {interval}")


if __name__ == "__main__":
    run_for_detector(run)
