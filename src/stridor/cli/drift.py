"""The command that tells drift."""

import os
from datetime import UTC
from pathlib import Path
from typing import Any

import click

from stridor.cli.options import UserPath, machine_option

PLACE = UserPath(path_type=Path)
DRIFTED = 1


@click.command()
@click.argument("place", metavar="FOLDER|RESULTS", type=PLACE)
@click.option("--detector", help="A registered detector, an address, or a model's folder; needed for a FOLDER.")
@machine_option
@click.option(
    "--condition", type=click.Choice(["source", "target"]),
    help="Only this one: that under which a FOLDER was recorded, or that of the lines of RESULTS that count.",
)  # fmt: skip
@click.option("--days", type=click.FloatRange(0, min_open=True), help="Only the last so many days of RESULTS.")
@click.option("--figure", type=PLACE, help="A .png file for the distributions.")
@click.option("--fail-on-drift", is_flag=True, help="Leave with exit code 1 if there is drift.")
def drift(
    place: Path, detector: str | None, machine: str | None, condition: str | None, days: float | None,
    figure: Path | None, fail_on_drift: bool,
) -> None:  # fmt: skip
    """Say whether recordings are still as odd as the normal clips of the detector.

    FOLDER holds recordings, which are scored; RESULTS is what 'stridor watch' or 'stridor score --json' wrote.
    """
    from datetime import datetime, timedelta

    from stridor.operation.drift import drift_of, results_of

    since = datetime.now(UTC) - timedelta(days=days) if days else None
    if place.is_dir():
        results = results_of(_scored(place, detector, machine, condition), since)
    else:
        results = results_of(_read(place), since, condition=condition)
    found = drift_of(results)
    click.echo(found.text())
    if figure is not None and found.conditions:
        from stridor.operation.drift_figure import draw_drift

        draw_drift(found, figure)
    if found.drifted and fail_on_drift:
        raise SystemExit(DRIFTED)


def _scored(folder: Path, name: str | None, machine: str | None, condition: str | None) -> list[dict[str, Any]]:
    import json

    from stridor.cli.answers import json_line
    from stridor.cli.score import note, warnings_as_notes
    from stridor.common.errors import StridorError
    from stridor.operation.drift import why_undefined
    from stridor.serving.detector import Detector
    from stridor.serving.found import find_recordings
    from stridor.serving.listening import Failure
    from stridor.serving.options import ScoringOptions

    if name is None:
        raise StridorError(f"{folder} is a folder of recordings; name the detector that scores them by --detector.")
    loaded = Detector.load(os.path.expanduser(name))
    known = loaded.known_machine(machine, "The command")
    if reason := why_undefined(loaded.references[known], None):
        raise StridorError(f"The detector '{name}' cannot tell drift: {reason}.")
    if condition is not None:
        # Refuses one that was not learnt.
        loaded.references[known].calibration.support(condition)
    found, failures = find_recordings([folder])
    entries = []
    with warnings_as_notes():
        for answer in loaded.score_many(found, known, ScoringOptions(condition=condition)):
            if isinstance(answer, Failure):
                failures.append(answer)
            else:
                entries.append(json.loads(json_line(answer)))
    for failure in failures:
        note(f"stridor: not scored: {failure.reason}")
    return entries


def _read(place: Path) -> list[dict[str, Any]]:
    from stridor.operation.journal import read_lines

    return list(read_lines(place))
