"""Commands that listen to a machine over weeks: watching a folder, and drift."""

import os
import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stridor.cli.options import UserPath, detector_option, machine_option

if TYPE_CHECKING:
    from stridor.operation.drift import Drift
    from stridor.serving.listening import Failure
    from stridor.serving.verdict import Verdict

PLACE = UserPath(path_type=Path)
DRIFTED = 1


@click.command()
@click.argument("folder", type=PLACE)
@detector_option
@machine_option
@click.option(
    "--output", type=PLACE, help="File of the results, JSON lines.  [default: FOLDER.jsonl beside the folder]"
)
@click.option("--alarm", help="K/N: raise an alarm when K of the last N recordings are anomalous.  [default: 1/1]")
@click.option("--windows", help="K/N: a recording is anomalous if K of some N windows in a row are flagged.")
@click.option("--false-alarm-rate", type=float, help="Share of normal clips of each condition that may be flagged.")
@click.option("--condition", type=click.Choice(["source", "target", "any"]), help="That of the recordings, if known.")
@click.option("--webhook", metavar="URL", help="Send every alarm there, as JSON by POST.")
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(0.05), help="Seconds between two looks.")
@click.option(
    "--settle", default=2.0, show_default=True, type=click.FloatRange(0.0),
    help="Seconds for which a file must not have changed.",
)  # fmt: skip
@click.option(
    "--drift-days", default=7.0, show_default=True, type=click.FloatRange(0, min_open=True),
    help="Days from one report on drift to the next.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="End when what is there has been scored, for cron.")
def watch(
    folder: Path, detector: str, machine: str | None, output: Path | None, alarm: str | None, windows: str | None,
    false_alarm_rate: float | None, condition: str | None, webhook: str | None, every: float, settle: float,
    drift_days: float, once: bool,
) -> None:  # fmt: skip
    """Score what appears in FOLDER, raise alarms, and report drift every week.

    A file is scored when nobody writes to it any more, and once only, whatever becomes of this command: the file of the
    results is its memory. Ctrl-C ends it.
    """
    from stridor.cli.score import note, warnings_as_notes
    from stridor.operation.arrivals import Arrivals
    from stridor.operation.journal import Journal
    from stridor.operation.watching import Rules, Watch
    from stridor.serving.detector import Detector
    from stridor.serving.options import ScoringOptions, parse_alarm

    options = ScoringOptions(None, None, false_alarm_rate, condition, parse_alarm(windows) if windows else (1, 1))
    rule = ScoringOptions(alarm=parse_alarm(alarm)).alarm if alarm else (1, 1)
    folder = Path(os.path.abspath(folder))
    output = output or folder.with_name(f"{folder.name}.jsonl")
    loaded = Detector.load(os.path.expanduser(detector))
    known = loaded.known_machine(machine, "The command")
    arrivals = Arrivals(folder, settle)
    with Journal(output) as journal, warnings_as_notes():
        watching = Watch(
            loaded, known, arrivals, journal, options, Rules(rule, drift_days), show=_shown, say=_said,
            send=_sender(webhook), draw=_drawer(),
        )  # fmt: skip
        note(f"stridor: watching {folder} for {known}; results go to {output}")
        watching.step()
        while not once:
            time.sleep(every)
            watching.step()
        time.sleep(settle)
        watching.step()
        if arrivals.waiting:
            note(f"stridor: not complete yet, for the next call: {', '.join(arrivals.waiting)}")


@click.command()
@click.argument("place", metavar="FOLDER|RESULTS", type=PLACE)
@click.option("--detector", help="A registered detector, an address, or a model's folder; needed for a FOLDER.")
@machine_option
@click.option("--days", type=click.FloatRange(0, min_open=True), help="Only the last so many days of RESULTS.")
@click.option("--figure", type=PLACE, help="A .png file for the distributions.")
@click.option("--fail-on-drift", is_flag=True, help="Leave with exit code 1 if there is drift.")
def drift(
    place: Path, detector: str | None, machine: str | None, days: float | None, figure: Path | None, fail_on_drift: bool
) -> None:
    """Say whether recordings are still as odd as the normal clips of the detector.

    FOLDER holds recordings, which are scored; RESULTS is what 'stridor watch' or 'stridor score --json' wrote.
    """
    from datetime import datetime, timedelta

    from stridor.operation.drift import drift_of, results_of

    since = datetime.now(UTC) - timedelta(days=days) if days else None
    entries = _scored(place, detector, machine) if place.is_dir() else _read(place)
    found = drift_of(results_of(entries, since))
    click.echo(found.text())
    if figure is not None and found.conditions:
        from stridor.operation.drift_figure import draw_drift

        draw_drift(found, figure)
    if found.drifted and fail_on_drift:
        raise SystemExit(DRIFTED)


def _scored(folder: Path, name: str | None, machine: str | None) -> list[dict[str, Any]]:
    import json

    from stridor.cli.answers import json_line
    from stridor.cli.score import note, warnings_as_notes
    from stridor.common.errors import StridorError
    from stridor.operation.drift import why_undefined
    from stridor.serving.detector import Detector
    from stridor.serving.found import find_recordings
    from stridor.serving.listening import Failure

    if name is None:
        raise StridorError(f"{folder} is a folder of recordings; name the detector that scores them by --detector.")
    loaded = Detector.load(os.path.expanduser(name))
    known = loaded.known_machine(machine, "The command")
    if reason := why_undefined(loaded.references[known], None):
        raise StridorError(f"The detector '{name}' cannot tell drift: {reason}.")
    found, failures = find_recordings([folder])
    entries = []
    with warnings_as_notes():
        for answer in loaded.score_many(found, known):
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


def _shown(answer: "Verdict | Failure") -> None:
    from stridor.cli.answers import table_rows
    from stridor.cli.score import note
    from stridor.serving.listening import Failure

    if isinstance(answer, Failure):
        note(f"stridor: not scored: {answer.reason}")
    for row in table_rows(answer, timeline=False):
        click.echo(row)


def _said(line: str) -> None:
    # Programs that follow the output must not wait for a full buffer.
    print(line, flush=True)


def _sender(url: str | None) -> Callable[[dict[str, Any]], None] | None:
    if url is None:
        return None
    from stridor.common.errors import StridorError
    from stridor.common.http import StoppableRetry, post_json

    if not url.startswith(("http://", "https://")):
        raise StridorError(
            f"--webhook is '{url}', which is not an address; give one that begins with http:// or https://."
        )
    # Listening goes on meanwhile, and the next look tries again.
    return lambda message: post_json(url, message, StoppableRetry(total=1, backoff_factor=0.2))


def _drawer() -> "Callable[[Drift, Path], None] | None":
    from importlib.util import find_spec

    from stridor.cli.score import note

    if find_spec("matplotlib") is None:
        note("stridor: drift is reported in words only; pictures need matplotlib, of the extra stridor[pipeline]")
        return None
    from stridor.operation.drift_figure import draw_drift

    return draw_drift
