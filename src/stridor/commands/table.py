"""The command `stridor table`."""

import click


@click.command()
@click.option("--seeds", type=click.IntRange(min=1), help="How many seeds to train with; written into params.yaml.")
@click.option("--jobs", type=click.IntRange(min=1), help="Trainings at a time; as many as there are cores for.")
def table(seeds: int | None, jobs: int | None) -> None:
    """Compare every system and every variant of the method on the same test clips.

    Runs what is missing of the pipeline and of the variants under `table` in params.yaml, then writes
    reports/table.md, table.csv and table.png.
    """
    from stridor.table.run import make

    make(seeds, jobs, click.echo)
    click.echo("reports/table.md has the whole table.")
