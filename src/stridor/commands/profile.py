"""`stridor profile`: another set of parameters."""

from pathlib import Path

import click


@click.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Give up changes of params.yaml that no profile has.")
def profile(name: str, force: bool) -> None:
    """Put profiles/NAME.yaml in the place of params.yaml, and show what changes.

    demo is what a clone starts with; paper takes the report literally; dcase2025 is what we recommend for the real
    data.
    """
    from stridor.planning.profiles import switch

    click.echo(switch(name, Path(), force=force).text())
