"""`stridor checkpoint` and `stridor distill`: encoder weights."""

from pathlib import Path

import click

from stridor.cli.options import UserPath

FILE = UserPath(path_type=Path)


@click.group()
def checkpoint() -> None:
    """Manage checkpoints: the encoders that detectors start from."""


@checkpoint.command()
@click.argument("name", required=False)
@click.option("--from", "from_file", type=FILE, help="A file downloaded by hand, which is checked and copied.")
@click.option("--folder", type=FILE, default=Path("checkpoints"), show_default=True, help="Folder to put it in.")
@click.option("--list", "only_list", is_flag=True, help="Only list the published checkpoints and their sources.")
def fetch(name: str | None, from_file: Path | None, folder: Path, only_list: bool) -> None:
    """Download a published checkpoint from the first source that has the right file.

    NAME is BEATs_iter3_plus_AS2M by default; --list shows the others, mn04_as_mAP_432 among them.
    """
    from stridor.ingest.checkpoints.fetching import fetch_checkpoint
    from stridor.ingest.checkpoints.published import CHECKPOINTS, DEFAULT, published

    if only_list:
        for one in CHECKPOINTS.values():
            click.echo(f"{one.name}  {one.bytes / 1e6:.0f} MB  SHA-256 {one.sha256}")
            click.echo("".join(f"  {source}\n" for source in one.sources), nl=False)
        return
    path = fetch_checkpoint(published(name or DEFAULT), folder, from_file=from_file, print_line=click.echo)
    click.echo(f"{path} is the published file. In params.yaml: encoder: {{checkpoint: {path.as_posix()}}}")


@checkpoint.command()
@click.argument("file", type=FILE)
def verify(file: Path) -> None:
    """Check that a checkpoint can be loaded, fits its architecture, and matches its name."""
    from stridor.ingest.checkpoints.describing import verify as verify_file

    found = verify_file(file)
    unknown = f"a {found.family} checkpoint, none of the published"
    known = f"the published {found.published_as}" if found.published_as else unknown
    click.echo(f"{file} is complete: {known}.")


@checkpoint.command()
@click.argument("file", type=FILE)
def show(file: Path) -> None:
    """Show a checkpoint's architecture, number of parameters, and whether it is fine-tuned."""
    from stridor.ingest.checkpoints.describing import describe

    click.echo(describe(file).text())


@click.command()
@click.option("--teacher", required=True, type=UserPath(path_type=Path), help="Any BEATs checkpoint.")
@click.option("--student", default="mini", show_default=True, type=click.Choice(["mini", "base"]))
@click.option(
    "--audio",
    required=True,
    multiple=True,
    type=UserPath(path_type=Path),
    help="Folder; may be repeated.",
)
@click.option("--start", type=UserPath(path_type=Path), help="An earlier student to go on from.", show_default="random")
@click.option("--out", required=True, type=UserPath(path_type=Path), help="The student's checkpoint.")
@click.option("--steps", default=1500, show_default=True)
@click.option("--batch-size", default=16, show_default=True)
@click.option("--seconds", default=5.0, show_default=True, help="Length of the crops of recordings.")
@click.option("--learning-rate", default=8e-4, show_default=True)
@click.option("--warm-up-steps", default=100, show_default=True)
@click.option("--precision", default="32-true", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--workers", default=0, show_default=True, help="Processes that load recordings, for use with a GPU.")
def distill(
    teacher: Path, audio: tuple[Path, ...], start: Path | None, out: Path, workers: int, **values: object
) -> None:
    """Distil a large encoder into a small one, on any recordings.

    All folders given by --audio are used equally often. An interrupted call is resumed when it is repeated.
    """
    from stridor.distillation.params import distill_params
    from stridor.distillation.recordings import Recordings
    from stridor.distillation.run_distillation import beats_teacher, run
    from stridor.params.sections import ComputeParams

    params = distill_params(**values)
    compute = ComputeParams(loader_workers=workers)
    run(beats_teacher(teacher), Recordings.from_folders(audio), params, out, compute, start)
    click.echo(f"Student: {out}")
