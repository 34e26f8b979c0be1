"""`stridor data`: put recordings into the project."""

from pathlib import Path
from typing import Any

import click

from stridor.cli.options import UserPath

EXISTING = UserPath(exists=True, path_type=Path)


@click.group()
def data() -> None:
    """Put recordings into the project: the demo data, published data sets, or your own."""


@data.command()
def ready() -> None:
    """Put the clips that data.dvc specifies into data/, if they are missing."""
    from stridor.ingest.ready import make_ready

    click.echo(make_ready(Path()))


@data.command()
@click.option("--force", is_flag=True, help="Replace the contents of data/.")
def demo(force: bool) -> None:
    """Synthesise the demo data into data/ and track it with DVC."""
    from stridor.ingest.ready import make_demo

    click.echo(make_demo(Path(), force=force))


@data.command("import")
@click.argument("folder", type=EXISTING)
@click.option("--link", is_flag=True, help="Hard-link the clips instead of copying them.")
@click.option("--replace", is_flag=True, help="Replace machines of the same name that are already in data/.")
@click.option("--fresh", is_flag=True, help="Start with these machines only; others leave data/ and params.yaml.")
@click.option("--clip-seconds", type=float, help="Length of the clips that plain recordings are cut into.  [10]")
@click.option("--test-share", type=float, help="Share of the normal plain recordings kept for the test.  [0.25]")
@click.option("--skip-unreadable", is_flag=True, default=None, help="Skip plain recordings that cannot be used.")
@click.option("--normal", multiple=True, metavar="NAME", help="A folder of normal recordings, e.g. gut; repeatable.")
@click.option("--anomaly", multiple=True, metavar="NAME", help="A folder of anomalous recordings, e.g. schlecht.")
@click.option("--noise", multiple=True, metavar="NAME", help="A folder of recordings with the machine off.")
@click.option("--clean", multiple=True, metavar="NAME", help="A folder of recordings of the machine alone.")
@click.option("--target", multiple=True, metavar="NAME", help="A folder of the target domain, e.g. winter.")
@click.option("--leave-out", multiple=True, metavar="PATTERN", help="Folders and files to leave out, e.g. '*_bad.wav'.")
def import_(folder: Path, link: bool, replace: bool, fresh: bool, **options: Any) -> None:
    """Import recordings into the project.

    FOLDER contains one folder per machine at any depth, or is the folder of a single machine: either plain, with
    normal/ and optionally anomaly/, noise/ and clean/, whose recordings are cut into clips; or in DCASE layout, with
    train/, test/ and supplemental/. Usual words that mean the same (OK, NG, abnormal) are recognised, others are given
    by options. Everything is checked before anything is written, and every audio file is accounted for.
    """
    from dataclasses import fields

    from stridor.ingest.recordings import Cutting, FolderNames, import_folder

    names = FolderNames(**{name: options.pop(name) for name in [one.name for one in fields(FolderNames) if one.init]})
    given = {name: value for name, value in options.items() if value is not None}
    how = Cutting(**given) if given else None
    report = import_folder(folder, Path(), link=link, replace=replace, fresh=fresh, cutting=how, names=names)
    click.echo(report.text())


def _names(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(" ".join(values).replace(",", " ").split())


@data.command()
@click.option("--year", default=2025, show_default=True, help="2023, 2024 or 2025.")
@click.option("--set", "sets", multiple=True, default=["dev"], show_default=True, callback=_names,
              help="Some of dev, additional and eval; eval includes additional.")  # fmt: skip
@click.option("--machines", multiple=True, callback=_names, help="Only these machines, e.g. fan,valve; all by default.")
@click.option("--ground-truth", type=EXISTING, help="The organisers' evaluator, which contains the labels of eval.")
@click.option("--downloads", type=UserPath(path_type=Path), help="Folder for the archives.  [default: downloads]")
@click.option("--parallel", default=3, show_default=True, type=click.IntRange(1, 8), help="Parallel downloads.")
@click.option("--site", help="URL of a mirror of Zenodo.")
@click.option("--list", "only_list", is_flag=True, help="Only list the files and their sizes.")
@click.option("--replace", is_flag=True, help="Replace machines of the same name that are already in data/.")
@click.option("--fresh", is_flag=True, help="Start with these machines only; others leave data/ and params.yaml.")
def dcase(only_list: bool, **values: Any) -> None:
    """Download data sets of DCASE Task 2 from Zenodo and import them into the project.

    An interrupted call is resumed when it is repeated. The demo data is removed; other machines stay.
    """
    from stridor.ingest.dcase import Request, download_and_import, list_files

    request = Request(**{name: value for name, value in values.items() if value is not None})
    click.echo(
        list_files(request, Path()) if only_list else download_and_import(request, Path(), print_line=click.echo)
    )
