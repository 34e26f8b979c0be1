"""The command that scores recordings with a registered detector."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stridor.serving.listening import Failure
    from stridor.serving.verdict import Verdict

ANOMALY_FOUND, NOT_SCORED = 1, 2


@click.command()
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--detector", required=True, help="Name of a registered detector, a models:/ address, or a model's folder."
)
@click.option("--machine", help="The recorded machine; not needed if the detector has only one.")
@click.option(
    "--false-alarm-rate",
    type=float,
    help="Share of normal clips of each condition that may be flagged, such as 0.01; nothing is trained again.",
)
@click.option(
    "--condition",
    type=click.Choice(["source", "target", "any"]),
    help="Under which condition it was recorded, if you know; by default that of the nearest normal clip.",
)
@click.option("--length", type=float, help="Seconds of a window of a long recording; by default as in training.")
@click.option("--hop", type=float, help="Seconds from window to window; by default the length.")
@click.option(
    "--alarm",
    help="K/N: a recording is anomalous if K of some N windows in a row are flagged. One window is enough by default.",
)
@click.option("--timeline", is_flag=True, help="Show the score of every window too.")
@click.option("--json", "form", flag_value="json", help="A line of JSON for each recording.")
@click.option("--csv", "form", flag_value="csv", help="Comma-separated values, with a header.")
@click.option("--fail-on-anomaly", is_flag=True, help="Exit with code 1 if a recording is anomalous.")
def score(
    recordings: tuple[Path, ...],
    detector: str,
    machine: str | None,
    false_alarm_rate: float | None,
    condition: str | None,
    length: float | None,
    hop: float | None,
    alarm: str | None,
    timeline: bool,
    form: str | None,
    fail_on_anomaly: bool,
) -> None:
    """Score recordings of any length, or folders of them, with a registered detector.

    Long recordings are scored window by window. The exit code is 0, or 2 if something could not be scored, or else 1
    with --fail-on-anomaly if something is anomalous.
    """
    from stridor.serving.detector import Detector
    from stridor.serving.found import find_recordings
    from stridor.serving.listening import Failure
    from stridor.serving.options import ScoringOptions, parse_alarm
    from stridor.serving.promise import promise

    rule = parse_alarm(alarm) if alarm else (1, 1)
    options = ScoringOptions(length, hop, false_alarm_rate, condition, rule)
    loaded = Detector.load(os.path.expanduser(detector))
    known = loaded.known_machine(machine, "The command")
    said = promise(loaded, known, options)
    found, failures = find_recordings(recordings)
    show = _output(form, timeline)
    anomalous = scored = longest = 0
    with warnings_as_notes(), _progress(len(found)) as progress:
        for answer in loaded.score_many(found, known, options):
            if isinstance(answer, Failure):
                failures.append(answer)
            else:
                scored, anomalous = scored + 1, anomalous + answer.anomalous
                longest = max(longest, len(answer.windows))
                progress(lambda answer=answer: show(answer))
            progress()
        for failure in failures:
            show(failure)
    if scored:
        note(said.text(longest))
        note(f"{scored} scored: {anomalous} anomalous, {scored - anomalous} normal.")
    for failure in failures:
        note(f"stridor: not scored: {failure.reason}")
    if failures:
        raise SystemExit(NOT_SCORED)
    if anomalous and fail_on_anomaly:
        raise SystemExit(ANOMALY_FOUND)


def note(text: str) -> None:
    """Print a line for people on standard error."""
    from stridor.common.text import printable

    click.echo(printable(text), err=True)


def _output(form: str | None, timeline: bool) -> Callable[["Verdict | Failure"], None]:
    from stridor.cli.answers import COLUMNS, TIMELINE_COLUMNS, csv_rows, json_line, table_head, table_rows

    if form == "json":
        return lambda answer: click.echo(json_line(answer))
    if form == "csv":
        click.echo(",".join(TIMELINE_COLUMNS if timeline else COLUMNS))
        return lambda answer: click.echo(csv_rows(answer, timeline))
    click.echo(table_head())

    def show(answer: "Verdict | Failure") -> None:
        for row in table_rows(answer, timeline):
            click.echo(row)

    return show


@contextmanager
def _progress(total: int) -> Iterator[Callable[..., None]]:
    """Offer a function that counts a recording or, given a function, prints above the bar on a terminal."""
    if not sys.stderr.isatty() or total < 2:
        yield lambda write=None: write() if write else None
        return
    with click.progressbar(length=total, file=sys.stderr, label="scored", show_pos=True) as bar:

        def step(write: Callable[[], None] | None = None) -> None:
            if write is None:
                bar.update(1)
                return
            click.echo("\r\033[K", nl=False, err=True)
            write()
            bar.render_progress()

        yield step


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Print warnings as lines for people."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_: note(f"stridor: {message}")
        yield
