"""`stridor sweep`, `table` and `tune`: comparisons around the pipeline."""

import click


@click.command()
@click.argument("detectors", nargs=-1)
def sweep(detectors: tuple[str, ...]) -> None:
    """Compare all combinations of scoring options, each on machines that it was not chosen on.

    `make sweep` embeds the clips first, where they are not stored yet. The lists under `sweep` in params.yaml say
    what is combined; DETECTORS narrow the machines. Writes reports/sweep.md and reports/sweep.csv.
    """
    from stridor.experiments.sweep.run import sweep as run_sweep
    from stridor.params import read_params

    run_sweep(read_params(), detectors, click.echo)
    click.echo("reports/sweep.md has the whole comparison.")


@click.command()
@click.option("--seeds", type=click.IntRange(min=1), help="How many seeds to train with; written into params.yaml.")
@click.option("--jobs", type=click.IntRange(min=1), help="Trainings at a time; as many as there are cores for.")
def table(seeds: int | None, jobs: int | None) -> None:
    """Compare every system and every variant of the method on the same test clips.

    Runs what is missing of the pipeline and of the variants under `table` in params.yaml, then writes
    reports/table.md, table.csv and table.png.
    """
    from stridor.experiments.table.run import make

    make(seeds, jobs, click.echo)
    click.echo("reports/table.md has the whole table.")


@click.command()
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
    from stridor.common.errors import StridorError
    from stridor.experiments.tuning.run import TuneOptions, detector_of
    from stridor.experiments.tuning.run import tune as run_study
    from stridor.params import read_params

    if (machine is None) == (detector is None):
        raise StridorError("Say what to tune: either --machine or --detector.")
    params = read_params()
    wish = TuneOptions(params.tune.trials if trials is None else trials, jobs, write, force)
    run_study(detector or detector_of(machine or "", params), params, wish)
