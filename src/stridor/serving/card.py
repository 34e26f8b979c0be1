"""The model card of a registered detector: what it heard, how well it did, when it speaks, and on whose terms."""

from collections.abc import Mapping
from typing import Any

from stridor.data.names import DOMAINS
from stridor.serving.detector import Detector

_MEASURES = (("AUC source", "auc_source"), ("AUC target", "auc_target"), ("pAUC", "pauc"), ("total", "hmean"))


def model_card(
    detector: Detector,
    config: Mapping[str, Any],
    why: str,
    measures: Mapping[str, float],
    test_clips: int = 0,
    known: Mapping[str, str] | None = None,
) -> str:
    """Return a card in Markdown, for the description of a version.

    Parameters
    ----------
    detector : Detector
        As loaded from what is registered.
    config : mapping
        Of `tracking.candidate.model_config`, with `system` and `origin`.
    why : str
        Why this system.
    measures : mapping of str to float
        As stage `evaluate` writes them; empty if nothing was measured.
    test_clips : int
    known : mapping of str to str
        What else is known, by its name, such as the hash of the data.
    """
    lines = [f"**System**: {config['system']} ({why}).", "", "**Heard**, normal clips only:", ""]
    lines += [f"- {machine}: {_heard(detector, machine)}" for machine in detector.machines]
    lines += ["", "**Flagged** are scores above:", ""]
    lines += [f"- {machine}: {_thresholds(detector, machine)}" for machine in detector.machines]
    lines += ["", f"**Measured**: {_measured(measures, test_clips)}"]
    if measures:
        lines.append(f"**False alarms** on normal test clips: {_false_alarms(measures)}")
    origin = config.get("origin", {})
    lines += ["", f"**Encoder**: {origin.get('encoder', 'not known')}. Licence: {origin.get('licence', 'not known')}."]
    lines += [f"**{name}**: {value}" for name, value in (known or {}).items() if value]
    # A line of its own for each in Markdown.
    return "\n".join(f"{line}  " if line.startswith("**") else line for line in lines) + "\n"


def _heard(detector: Detector, machine: str) -> str:
    calibration = detector.references[machine].calibration
    counts = {name: len(scores) for name, scores in calibration.normals.items()}
    bank = getattr(detector.references[machine], "bank", None)
    if bank is not None:
        counts = {name: bank.domains_.count(name) for name in DOMAINS if name in bank.domains_}
    clips = " and ".join(f"{count} of {name}" for name, count in counts.items())
    seconds = calibration.clip_seconds
    if not seconds:
        return f"{clips}"
    return f"{clips}, {seconds:g} s each, {seconds * sum(counts.values()) / 60:.1f} min in all"


def _thresholds(detector: Detector, machine: str) -> str:
    calibration = detector.references[machine].calibration
    rate = calibration.false_alarm_rate
    limits = [f"{calibration.threshold_for(None, one):.4g} ({one})" for one in calibration.support()]
    return f"{' or '.join(limits) or f'{calibration.threshold_for():.4g}'}, for {100 * rate:g} % of the normal clips"


def _measured(measures: Mapping[str, float], test_clips: int) -> str:
    if "hmean" not in measures:
        return "nothing, there are no labelled test clips."
    values = ", ".join(f"{name} {100 * measures[key]:.1f} %" for name, key in _MEASURES if key in measures)
    interval = ""
    if {"hmean_low", "hmean_high"} <= measures.keys():
        interval = f" [{100 * measures['hmean_low']:.1f}, {100 * measures['hmean_high']:.1f}]"
    return f"{values}{interval}" + (f", by {test_clips} test clips." if test_clips else ".")


def _false_alarms(measures: Mapping[str, float]) -> str:
    cells = [
        f"{measures[f'served_false_alarms_{one}']:.0f} of {measures[f'normals_{one}']:.0f} ({one})"
        for one in DOMAINS
        if f"normals_{one}" in measures
    ]
    return ", ".join(cells) + "."
