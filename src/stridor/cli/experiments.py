"""`stridor sweep`, `select`, `table` and `tune`: comparisons on top of the pipeline."""

import click


@click.command()
@click.argument("detectors", nargs=-1)
def sweep(detectors: tuple[str, ...]) -> None:
    """Compare all combinations of scoring options, each on machines that were not used to choose it.

    `make sweep` embeds the clips first if necessary. The combinations are set by the lists under `sweep` in
    params.yaml; DETECTORS restrict the machines. Writes reports/sweep.md and reports/sweep.csv.
    """
    from stridor.experiments.sweep.run_sweep import sweep as run_sweep
    from stridor.params import read_params

    run_sweep(read_params(), detectors, click.echo)
    click.echo("The complete comparison is in reports/sweep.md.")


@click.command()
@click.argument("detectors", nargs=-1)
def select(detectors: tuple[str, ...]) -> None:
    """Rank ways to score by faults injected into normal clips, without labels.

    Needs normal clips only and no training; DETECTORS restrict the machines. Writes reports/select.md.
    """
    from stridor.experiments.select.run_select import select as run_select
    from stridor.params import read_params

    run_select(read_params(), detectors, click.echo)
    click.echo("The complete ranking is in reports/select.md.")


@click.command()
@click.option("--seeds", type=click.IntRange(min=1), help="Number of seeds to train with; written to params.yaml.")
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Trainings in parallel; by default as many as the cores allow."
)
def table(seeds: int | None, jobs: int | None) -> None:
    """Compare every system and every variant of the method on the same test clips.

    Runs the stages of the pipeline and of the variants under `table` in params.yaml that are not up to date, then
    writes reports/table.md, table.csv and table.png.
    """
    from stridor.experiments.table.make_table import make_table

    make_table(seeds, jobs, click.echo)
    click.echo("The complete table is in reports/table.md.")


@click.command()
@click.option("--machine", help="A machine with its own detector.")
@click.option("--detector", help="A detector, possibly of several machines.")
@click.option(
    "--trials",
    type=click.IntRange(0),
    help="Trials of the study in total; by default tune.trials in params.yaml.",
)
@click.option("--jobs", type=click.IntRange(1), help="Number of worker processes; by default 1.")
@click.option("--ray", metavar="ADDRESS", help="Run the trials on the nodes of this Ray cluster.")
@click.option("--apply", "write", is_flag=True, help="Write the best values to params.yaml.")
@click.option("--force", is_flag=True, help="Apply them even if the held-back half of the test clips got worse.")
def tune(
    machine: str | None, detector: str | None, trials: int | None, jobs: int | None, ray: str | None, write: bool,
    force: bool,
) -> None:  # fmt: skip
    """Search parameters for a detector, such as learning rate and noise SNR, with Optuna.

    Search space and budget are set by `tune` in params.yaml. An interrupted study is continued. With --trials 0 no
    trial is run, and the result so far is shown or applied. With --ray the nodes of a cluster run them; it needs a
    database server (OPTUNA_STORAGE), an MLflow server, a DVC remote and committed changes.
    """
    from stridor.common.errors import StridorError
    from stridor.experiments.tuning.run_study import TuneOptions, detector_of
    from stridor.experiments.tuning.run_study import tune as run_study
    from stridor.params import read_params

    if (machine is None) == (detector is None):
        raise StridorError("Give either --machine or --detector.")
    if jobs is not None and ray is not None:
        raise StridorError("Give either --jobs or --ray: Ray decides how many trials run at a time.")
    params = read_params()
    options = TuneOptions(params.tune.trials if trials is None else trials, jobs or 1, write, force, ray)
    run_study(detector or detector_of(machine or "", params), params, options)
