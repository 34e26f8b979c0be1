"""The command `stridor repro`."""

import click


@click.command()
@click.option("--jobs", type=click.IntRange(min=1), help="Detectors at a time; as many as there are cores for.")
def repro(jobs: int | None) -> None:
    """Say what lies ahead and run `dvc repro`, with several detectors beside each other.

    How many at a time follows from compute.threads in params.yaml, the threads that each takes; on a GPU it is one.
    """
    from stridor.params import read_params
    from stridor.planning.plan import make_plan
    from stridor.running.pipeline import PIPELINE, run_pipeline
    from stridor.running.stages import stale_stages

    params = read_params()
    if stale := stale_stages(PIPELINE):
        click.echo(make_plan(params).text())
    run_pipeline(params, stale, jobs, click.echo)
