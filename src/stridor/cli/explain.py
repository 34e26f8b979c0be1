"""The command that shows where and why recordings sound wrong."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stridor.cli.options import UserPath, detector_option, normals_option, scoring_options
from stridor.cli.score import NOT_SCORED, note, progress_bar, warnings_as_notes

if TYPE_CHECKING:
    from stridor.serving.options import ScoringOptions


@click.command()
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@detector_option
@click.option(
    "--output",
    type=UserPath(path_type=Path, file_okay=False),
    default=Path("explained"),
    show_default=True,
    help="Folder of the pages.",
)
@normals_option
@scoring_options
@click.option("--only-anomalous", is_flag=True, help="Write no pages of normal recordings, but list them.")
def explain(
    recordings: tuple[Path, ...],
    detector: str,
    output: Path,
    normals: Path | None,
    machine: str | None,
    options: "ScoringOptions",
    only_anomalous: bool,
) -> None:
    """Show where and why recordings sound wrong, in a page for each to look at and to listen to.

    A page is one HTML file with all pictures and sounds inside; index.html lists them, the oddest first.
    """
    from stridor.common.errors import StridorError, need_extra

    need_extra("explain", "jinja2", "matplotlib")
    from stridor.explanation.explain import Explainer
    from stridor.explanation.folder import PageFolder
    from stridor.serving.found import find_recordings
    from stridor.serving.listening import Failure

    explainer = Explainer.load(os.path.expanduser(detector), normals)
    known = explainer.detector.known_machine(machine, "The command")
    found, failures = find_recordings(recordings)
    pages, anomalous, scored = PageFolder(output, detector), 0, 0
    with warnings_as_notes(), progress_bar(len(found)) as progress:
        if found:
            explainer.learn(known)
        for recording in found:
            try:
                explanation = explainer.explain(recording, known, options)
            except StridorError as error:
                failures.append(Failure(str(recording), str(error)))
            else:
                verdict = explanation.verdict
                scored, anomalous = scored + 1, anomalous + verdict.anomalous
                page = pages.add(explanation, verdict.anomalous or not only_anomalous)
                text = verdict.text() + (f", page {page}" if page else "")
                progress(lambda text=text: click.echo(text))
            progress()
    if found:
        note(f"{scored} explained: {anomalous} anomalous, {scored - anomalous} normal; open {pages.finish(failures)}")
    for failure in failures:
        note(f"stridor: not scored: {failure.reason}")
    if failures:
        raise SystemExit(NOT_SCORED)
