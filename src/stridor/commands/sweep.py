"""The command `stridor sweep`."""

import click


@click.command()
@click.argument("detectors", nargs=-1)
def sweep(detectors: tuple[str, ...]) -> None:
    """Compare all combinations of scoring options, each on machines that it was not chosen on.

    `make sweep` embeds the clips first, where they are not stored yet. The lists under `sweep` in params.yaml say
    what is combined; DETECTORS narrow the machines. Writes reports/sweep.md and reports/sweep.csv.
    """
    from stridor.params import read_params
    from stridor.sweep.run import sweep as run_sweep

    run_sweep(read_params(), detectors, click.echo)
    click.echo("reports/sweep.md has the whole comparison.")
