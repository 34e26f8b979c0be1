"""The command `stridor submission`."""

import click


@click.command()
@click.argument("detectors", nargs=-1)
@click.option("--name", default="stridor", show_default=True, help="What the folders begin with.")
def submission(detectors: tuple[str, ...], name: str) -> None:
    """Write official result files of every system: submission/NAME_SYSTEM/.

    Test clips may hide domain and label. DETECTORS narrow the machines; without them all of params.yaml are scored.
    """
    from stridor.params import read_params
    from stridor.stages.submission import submit

    for folder in submit(read_params(), name, detectors):
        click.echo(f"{folder}: {len(list(folder.glob('*.csv')))} files")
