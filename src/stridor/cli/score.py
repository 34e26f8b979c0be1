"""The command that scores recordings with a registered detector."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stridor.cli.options import detector_option, scoring_options

if TYPE_CHECKING:
    from stridor.serving.listening import Failure
    from stridor.serving.options import ScoringOptions
    from stridor.serving.verdict import Verdict

ANOMALY_FOUND, NOT_SCORED = 1, 2
# The share of a training clip's length below which a recording is not like one.
SHORT = 0.7


@click.command()
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@detector_option
@scoring_options
@click.option("--timeline", is_flag=True, help="Show the score of every window too.")
@click.option("--json", "form", flag_value="json", help="A line of JSON for each recording.")
@click.option("--csv", "form", flag_value="csv", help="Comma-separated values, with a header.")
@click.option("--fail-on-anomaly", is_flag=True, help="Exit with code 1 if a recording is anomalous.")
def score(
    recordings: tuple[Path, ...],
    detector: str,
    machine: str | None,
    options: "ScoringOptions",
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
    from stridor.serving.promise import promise

    loaded = Detector.load(os.path.expanduser(detector))
    known = loaded.known_machine(machine, "The command")
    said = promise(loaded, known, options)
    found, failures = find_recordings(recordings)
    show = _output(form, timeline)
    anomalous = scored = longest = short = 0
    with warnings_as_notes(), progress_bar(len(found)) as progress:
        for answer in loaded.score_many(found, known, options):
            if isinstance(answer, Failure):
                failures.append(answer)
            else:
                scored, anomalous = scored + 1, anomalous + answer.anomalous
                longest = max(longest, len(answer.windows))
                short += answer.seconds < SHORT * said.window_seconds
                progress(lambda answer=answer: show(answer))
            progress()
        for failure in failures:
            show(failure)
    if scored:
        note(said.text(longest))
        if short:
            note(
                f"{short} of {scored} last less than {SHORT:g} of the {said.window_seconds:g} s that are judged at a "
                "time: the shorter a recording, the odder it sounds, and the false-alarm rate does not hold for it."
            )
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
def progress_bar(total: int) -> Iterator[Callable[..., None]]:
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
