"""`stridor plan`: what a run will take."""

import click


@click.command()
@click.argument("detectors", nargs=-1)
def plan(detectors: tuple[str, ...]) -> None:
    """Count what the pipeline has to do, time a training step here, and say how long it will take.

    DETECTORS are those of params.yaml; all if left out.
    """
    from stridor.params import read_params
    from stridor.planning.plan import make_plan

    click.echo(make_plan(read_params(), detectors).text())
