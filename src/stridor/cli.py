"""The command `stridor`: data in and out, the store, single recordings. The pipeline itself is `dvc repro`."""

from pathlib import Path

import click

from stridor.commands.checkpoint import checkpoint
from stridor.commands.plan import plan
from stridor.commands.profile import profile
from stridor.commands.repro import repro
from stridor.commands.submission import submission
from stridor.commands.sweep import sweep
from stridor.commands.table import table
from stridor.errors import one_sentence

# Heavy rooms are imported inside the commands: `stridor --help` must not wait for torch or MLflow.
EXISTING = click.Path(exists=True, path_type=Path)


class OneSentenceGroup(click.Group):
    """A group whose commands end with one sentence and exit code 2 where the user can mend the cause."""

    def invoke(self, ctx: click.Context) -> object:
        with one_sentence():
            return super().invoke(ctx)


@click.group(cls=OneSentenceGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="stridor")
def main() -> None:
    """Learn what a machine sounds like when it is well, and say when a new recording sounds wrong.

    `dvc repro` (or `make repro`) runs the pipeline described by dvc.yaml and params.yaml.
    """


@main.group()
def data() -> None:
    """Recordings: the demo data, published sets, or your own."""


@data.command()
def ready() -> None:
    """Put the clips that data.dvc names into data/, if they are not there."""
    from stridor.data.ready import make_ready

    click.echo(make_ready(Path()))


@data.command()
@click.option("--force", is_flag=True, help="Replace what lies in data/.")
def demo(force: bool) -> None:
    """Synthesise the demo data into data/ and track it with DVC."""
    from stridor.data.ready import make_demo

    click.echo(make_demo(Path(), force=force))


@data.command("import")
@click.argument("folder", type=EXISTING)
@click.option("--link", is_flag=True, help="Hard-link the clips instead of copying them.")
@click.option("--replace", is_flag=True, help="Replace machines of the same name that are already in data/.")
@click.option("--fresh", is_flag=True, help="Start with these machines only; others leave data/ and params.yaml.")
@click.option("--clip-seconds", type=float, help="Length of the clips that plain recordings are cut into.  [10]")
@click.option("--test-share", type=float, help="Share of the normal plain recordings kept for the test.  [0.25]")
@click.option("--skip-unreadable", is_flag=True, default=None, help="Leave out plain recordings that cannot be used.")
def import_(folder: Path, link: bool, replace: bool, fresh: bool, **cutting: float | None) -> None:
    """Bring recordings into the project.

    FOLDER holds one folder per machine, or is one machine's folder itself: plain, with the folders normal/ and
    maybe anomaly/, noise/ and clean/, which are cut into clips; or in DCASE layout, with train/, test/ and
    supplemental/. Everything is checked before anything is written.
    """
    from stridor.data.importing import Cutting, import_folder

    given = {name: value for name, value in cutting.items() if value is not None}
    how = Cutting(**given) if given else None
    click.echo(import_folder(folder, Path(), link=link, replace=replace, fresh=fresh, cutting=how).text())


def _names(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(" ".join(values).replace(",", " ").split())


@data.command()
@click.option("--year", default=2025, show_default=True, help="2023, 2024 or 2025.")
@click.option("--set", "sets", multiple=True, default=["dev"], show_default=True, callback=_names,
              help="Some of dev, additional and eval; eval brings additional with it.")  # fmt: skip
@click.option("--machines", multiple=True, callback=_names, help="Only these, e.g. fan,valve; all if left out.")
@click.option("--ground-truth", type=EXISTING, help="The organisers' evaluator, which knows the labels of eval.")
@click.option("--downloads", type=click.Path(path_type=Path), help="Where archives are kept.  [default: downloads]")
@click.option("--parallel", default=3, show_default=True, type=click.IntRange(1, 8), help="Files side by side.")
@click.option("--site", help="A mirror with the addresses of Zenodo.")
@click.option("--list", "only_list", is_flag=True, help="Only list the files and their sizes.")
@click.option("--replace", is_flag=True, help="Replace machines of the same name that are already in data/.")
@click.option("--fresh", is_flag=True, help="Start with these machines only; others leave data/ and params.yaml.")
def dcase(only_list: bool, **values: object) -> None:
    """Download data sets of DCASE Task 2 from Zenodo and bring them into the project.

    A call that was cut off goes on where it stopped. The demo data gives way; other machines stay.
    """
    from stridor.data.dcase import Request, bring, list_files

    request = Request(**{name: value for name, value in values.items() if value is not None})
    click.echo(list_files(request, Path()) if only_list else bring(request, Path(), say=click.echo))


@main.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--detector", required=True, help="Name of a registered detector, or a models:/ URI.")
@click.option("--machine", help="Which of the detector's machines; not needed if it has one.")
def score(clips: tuple[Path, ...], detector: str, machine: str | None) -> None:
    """Score recordings with a registered detector."""
    from stridor.serving.score import load_detector, score_file

    loaded = load_detector(detector)
    for clip in clips:
        click.echo(score_file(loaded, clip, machine).text())


@main.command()
@click.argument("detectors", nargs=-1)
def register(detectors: tuple[str, ...]) -> None:
    """Put trained detectors into the model registry; all of params.yaml if none is named."""
    from stridor.params import read_params
    from stridor.stages.places import Places
    from stridor.stages.register import run

    params = read_params()
    for detector in detectors or tuple(params.detectors):
        run(Places(detector), params.for_detector(detector))


@main.command()
@click.option("--teacher", required=True, type=click.Path(path_type=Path), help="Any BEATs checkpoint.")
@click.option("--student", default="mini", show_default=True, type=click.Choice(["mini", "base"]))
@click.option("--audio", required=True, multiple=True, type=click.Path(path_type=Path), help="Folder; may come again.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The student's checkpoint.")
@click.option("--steps", default=1500, show_default=True)
@click.option("--batch-size", default=16, show_default=True)
@click.option("--seconds", default=5.0, show_default=True, help="Length of the crops that both listen to.")
@click.option("--learning-rate", default=8e-4, show_default=True)
@click.option("--warm-up-steps", default=100, show_default=True)
@click.option("--precision", default="32-true", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--workers", default=0, show_default=True, help="Processes that read recordings ahead of a GPU.")
def distill(teacher: Path, audio: tuple[Path, ...], out: Path, workers: int, **values: object) -> None:
    """Teach a small encoder what a large one says of any recordings.

    Every folder given by --audio is heard equally often. A call that was killed goes on where it stopped.
    """
    from stridor.distillation.params import distill_params
    from stridor.distillation.recordings import Recordings
    from stridor.distillation.run import beats_teacher, run
    from stridor.records import ComputeParams

    params = distill_params(**values)
    run(beats_teacher(teacher), Recordings.from_folders(audio), params, out, ComputeParams(loader_workers=workers))
    click.echo(f"Student: {out}")


@main.command()
@click.option("--machine", help="A machine that has a detector of its own.")
@click.option("--detector", help="A detector, also one that machines share.")
@click.option("--trials", type=click.IntRange(0), help="Of the study in all; tune.trials of params.yaml if not given.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Worker processes.")
@click.option("--apply", "write", is_flag=True, help="Write the best values to params.yaml.")
@click.option("--force", is_flag=True, help="Apply them even if the held-back half of the test clips got worse.")
def tune(machine: str | None, detector: str | None, trials: int | None, jobs: int, write: bool, force: bool) -> None:
    """Search for the values that suit a detector, such as learning rate and noise SNR, with Optuna.

    What is searched, and on what budget, says `tune` in params.yaml. A study that was interrupted goes on; with
    --trials 0 none is run, and the outcome so far is shown or applied.
    """
    from stridor.errors import StridorError
    from stridor.params import read_params
    from stridor.tuning.run import Wish, detector_of
    from stridor.tuning.run import tune as run_study

    if (machine is None) == (detector is None):
        raise StridorError("Say what to tune: either --machine or --detector.")
    params = read_params()
    wish = Wish(params.tune.trials if trials is None else trials, jobs, write, force)
    run_study(detector or detector_of(machine, params), params, wish)


@main.group()
def store() -> None:
    """The MLflow store."""


@store.command()
def create() -> None:
    """Create the store's database if it is not there."""
    from stridor.tracking.store import create_store

    click.echo(f"MLflow store: {create_store().shown}")


main.add_command(checkpoint)
main.add_command(plan)
main.add_command(profile)
main.add_command(repro)
main.add_command(submission)
main.add_command(sweep)
main.add_command(table)
