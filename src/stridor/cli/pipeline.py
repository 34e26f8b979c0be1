"""Commands that run the pipeline and use its results."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Detectors in parallel; by default as many as the cores allow."
)
@click.option("--ray", metavar="ADDRESS", help="Run the detectors on the nodes of this Ray cluster.")
def repro(jobs: int | None, ray: str | None) -> None:
    """Print a plan and run `dvc repro`, with several detectors in parallel.

    Their number follows from compute.threads in params.yaml, the threads of each detector; on a GPU it is one. With
    --ray the nodes of a cluster run them; it needs a DVC remote, an MLflow server and committed changes.
    """
    from stridor.common.dvc import out_of_date
    from stridor.common.errors import StridorError
    from stridor.params import read_params
    from stridor.pipeline.committed import compare_with_committed
    from stridor.pipeline.estimate import make_plan
    from stridor.pipeline.repro import PIPELINE, run_pipeline

    if jobs is not None and ray is not None:
        raise StridorError("Give either --jobs or --ray: Ray decides how many detectors run at a time.")
    params = read_params()
    stale = out_of_date(PIPELINE)
    if ray is not None:
        from stridor.pipeline.fleet import run_on_cluster

        run_on_cluster(ray, params, stale, click.echo)
    else:
        if stale:
            click.echo(make_plan(params, jobs=jobs).text())
        run_pipeline(params, stale, jobs, click.echo)
    if line := compare_with_committed():
        click.echo(line)


@click.command()
@click.argument("detectors", nargs=-1)
def plan(detectors: tuple[str, ...]) -> None:
    """Estimate how long the pipeline will take, from the amount of data and a timed training step.

    DETECTORS are names from params.yaml; all by default.
    """
    from stridor.params import read_params
    from stridor.pipeline.estimate import make_plan

    click.echo(make_plan(read_params(), detectors).text())


@click.command()
@click.argument("name", required=False)
@click.option("--force", is_flag=True, help="Discard changes of params.yaml that are not in any profile.")
@click.option("--fill", is_flag=True, help="Add what params.yaml has and a profile lacks to all profiles instead.")
def profile(name: str | None, force: bool, fill: bool) -> None:
    """Replace params.yaml by profiles/NAME.yaml, and show what changes.

    demo is the initial state of a clone; paper follows the report literally; dcase2025 is recommended for the real
    data.
    """
    from stridor.common.errors import StridorError
    from stridor.params.filling import fill_profiles
    from stridor.params.profiles import switch

    if (name is None) != fill:
        raise StridorError("Give the name of a profile, or --fill.")
    if name is not None:
        click.echo(switch(name, Path(), force=force).text())
        return
    added = fill_profiles(Path())
    for filled, names in added.items():
        click.echo(f"profiles/{filled}.yaml: added {', '.join(names)}.")
    if not added:
        click.echo("No profile lacks a parameter of params.yaml.")


@click.command()
@click.argument("detectors", nargs=-1)
@click.option("--name", default="stridor", show_default=True, help="Prefix of the folders' names.")
def submission(detectors: tuple[str, ...], name: str) -> None:
    """Write official result files of every system: submission/NAME_SYSTEM/.

    Names of test clips need not contain domain and label. DETECTORS restrict the machines; by default all are scored.
    """
    from stridor.params import read_params
    from stridor.pipeline.submission import submit

    for folder in submit(read_params(), name, detectors):
        click.echo(f"{folder}: {len(list(folder.glob('*.csv')))} files")


@click.command()
@click.argument("detectors", nargs=-1)
def register(detectors: tuple[str, ...]) -> None:
    """Put trained detectors into the model registry; by default all of params.yaml."""
    from stridor.params import read_params
    from stridor.stages.layout import Layout
    from stridor.stages.register import run

    params = read_params()
    for detector in params.named_detectors(detectors):
        run(Layout(detector), params.for_detector(detector))


@click.group()
def store() -> None:
    """Manage the MLflow store."""


@store.command()
def create() -> None:
    """Create the store's database if it does not exist."""
    from stridor.tracking.store import create_store

    click.echo(f"MLflow store: {create_store().shown}")


@store.command()
def check() -> None:
    """Check that the store can be used, and that its runs and models are in this project's own folder."""
    from stridor.tracking.relocation import check_place
    from stridor.tracking.store import create_store

    used = create_store()
    check_place(used)
    click.echo(f"MLflow store: {used.shown}")


@store.command()
def relocate() -> None:
    """Have the store of a moved or copied project point to the project's own folder.

    MLflow's database names the files of runs and models by absolute paths. Nothing outside of this project is changed.
    """
    from stridor.tracking.location import find_store
    from stridor.tracking.relocation import relocate as relocate_store

    click.echo(relocate_store(find_store()))
