"""Commands that run the pipeline and use what it produced."""

from pathlib import Path

import click


@click.command()
@click.option("--jobs", type=click.IntRange(min=1), help="Detectors at a time; as many as there are cores for.")
def repro(jobs: int | None) -> None:
    """Say what lies ahead and run `dvc repro`, with several detectors beside each other.

    How many at a time follows from compute.threads in params.yaml, the threads that each takes; on a GPU it is one.
    """
    from stridor.common.dvc import out_of_date
    from stridor.params import read_params
    from stridor.pipeline.estimate import make_plan
    from stridor.pipeline.repro import PIPELINE, run_pipeline

    params = read_params()
    if stale := out_of_date(PIPELINE):
        click.echo(make_plan(params).text())
    run_pipeline(params, stale, jobs, click.echo)


@click.command()
@click.argument("detectors", nargs=-1)
def plan(detectors: tuple[str, ...]) -> None:
    """Count what the pipeline has to do, time a training step here, and say how long it will take.

    DETECTORS are those of params.yaml; all if left out.
    """
    from stridor.params import read_params
    from stridor.pipeline.estimate import make_plan

    click.echo(make_plan(read_params(), detectors).text())


@click.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Give up changes of params.yaml that no profile has.")
def profile(name: str, force: bool) -> None:
    """Put profiles/NAME.yaml in the place of params.yaml, and show what changes.

    demo is what a clone starts with; paper takes the report literally; dcase2025 is what we recommend for the real
    data.
    """
    from stridor.params.profiles import switch

    click.echo(switch(name, Path(), force=force).text())


@click.command()
@click.argument("detectors", nargs=-1)
@click.option("--name", default="stridor", show_default=True, help="What the folders begin with.")
def submission(detectors: tuple[str, ...], name: str) -> None:
    """Write official result files of every system: submission/NAME_SYSTEM/.

    Test clips may hide domain and label. DETECTORS narrow the machines; without them all of params.yaml are scored.
    """
    from stridor.params import read_params
    from stridor.pipeline.submission import submit

    for folder in submit(read_params(), name, detectors):
        click.echo(f"{folder}: {len(list(folder.glob('*.csv')))} files")


@click.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--detector", required=True, help="Name of a registered detector, or a models:/ URI.")
@click.option("--machine", help="Which of the detector's machines; not needed if it has one.")
def score(clips: tuple[Path, ...], detector: str, machine: str | None) -> None:
    """Score recordings with a registered detector."""
    from stridor.serving.score import load_detector, score_file

    loaded = load_detector(detector)
    for clip in clips:
        click.echo(score_file(loaded, clip, machine).text())


@click.command()
@click.argument("detectors", nargs=-1)
def register(detectors: tuple[str, ...]) -> None:
    """Put trained detectors into the model registry; all of params.yaml if none is named."""
    from stridor.params import read_params
    from stridor.stages.layout import Layout
    from stridor.stages.register import run

    params = read_params()
    for detector in detectors or tuple(params.detectors):
        run(Layout(detector), params.for_detector(detector))


@click.group()
def store() -> None:
    """The MLflow store."""


@store.command()
def create() -> None:
    """Create the store's database if it is not there."""
    from stridor.tracking.store import create_store

    click.echo(f"MLflow store: {create_store().shown}")
