"""The command `export`."""

from pathlib import Path

import click


@click.command()
@click.argument("detector")
@click.option(
    "--onnx", "folder", type=click.Path(path_type=Path), required=True, help="The new folder for ONNX Runtime."
)
def export(detector: str, folder: Path) -> None:
    """Write a registered detector for use without PyTorch.

    DETECTOR is its name, an address such as models:/stridor-valve/3, or a model's folder.
    """
    from stridor.serving.detector import Detector
    from stridor.serving.onnx_export import MODEL, export_detector

    export_detector(Detector.load(detector), folder)
    size_mb = (folder / MODEL).stat().st_size / 1e6
    click.echo(f"{folder}: {MODEL} ({size_mb:.1f} MB), the reference banks, and what describes them")
