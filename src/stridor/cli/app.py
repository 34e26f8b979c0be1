"""The command that serves a page in the browser."""

import os
from pathlib import Path

import click

from stridor.cli.options import UserPath, normals_option


@click.command()
@click.option("--detector", "detectors", multiple=True, help="Offer this detector; by default all registered ones.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is everybody's.")
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="0: any that is free.")
@normals_option
@click.option(
    "--confirmed",
    type=UserPath(path_type=Path, file_okay=False),
    default=Path("confirmed"),
    show_default=True,
    help="Folder for recordings that were fine.",
)
def app(detectors: tuple[str, ...], host: str, port: int, normals: Path | None, confirmed: Path) -> None:
    """Show a page in the browser where recordings are dropped, judged, explained and kept.

    It has no password: whoever reaches the address can use it.
    """
    from stridor.common.errors import need_extra

    need_extra("app", "jinja2", "matplotlib", "starlette", "uvicorn")
    from stridor.application.listener import Listener
    from stridor.application.server import serve
    from stridor.tracking.model_files import known_detectors

    offered = [os.path.expanduser(detector) for detector in detectors] or known_detectors()
    listener = Listener(offered, normals, confirmed)
    serve(listener, host, port, lambda address: click.echo(f"Open {address} in a browser; Ctrl-C ends this."))
