"""The table from the pipeline's results and those of the cells, which DVC runs several at a time."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence

from stridor.data.manifest import Manifest
from stridor.errors import StridorError, one_sentence
from stridor.params import Params, read_params
from stridor.scoring.table import difference_text
from stridor.stages.places import REPORTS, Places
from stridor.table.cells import FULL
from stridor.table.commands import Command, run_together
from stridor.table.compare import Compared, compare
from stridor.table.picture import draw
from stridor.table.published import PUBLISHED, is_development_set
from stridor.table.report import to_csv, to_markdown
from stridor.table.rows import read_rows
from stridor.table.seeds import set_seeds
from stridor.whole import whole_file

PIPELINE = "table/dvc.yaml"
# Of the pipeline, all that the table needs of a detector; it is registered by 'dvc repro'.
STAGES = ("augment", "train", "autoencoder", "index", "evaluate")


def make(seeds: int | None = None, jobs: int | None = None, say: Callable[[str], object] = print) -> None:
    """Run what is missing of pipeline and cells, then report.

    Parameters
    ----------
    seeds : int, optional
        Written into params.yaml; left as it is there if not given.
    jobs : int, optional
        Cells at a time; if not given one where there is a GPU, else one a core.

    Raises
    ------
    StridorError
        If DVC fails; what it has finished is kept.
    """
    if seeds is not None:
        set_seeds(read_params().seed, seeds)
    params = read_params()
    jobs = jobs or _jobs()
    detectors = [tuple(f"{stage}@{detector}" for stage in STAGES) for detector in params.detectors]
    cells = targets(params)
    stale = _stale()
    for name, work in (("detectors of the pipeline", detectors), ("cells", cells)):
        missing = [group for group in work if not stale.isdisjoint(group)]
        say(
            f"{name}: {len(work)}, {len(work) - len(missing)} of them up to date"
            + f"; {jobs} at a time" * bool(missing)
        )
        _beside_each_other(missing, jobs)
    _run([_dvc(["repro", "summary", PIPELINE])])


def targets(params: Params) -> list[tuple[str, str]]:
    """Name the two stages of every cell, as DVC does."""
    cells = [("", f"{variant}-{seed}") for seed in params.table.seeds for variant in params.table.variants]
    cells += [(f"_{FULL}", str(seed)) for seed in params.table.full_seeds]
    return [
        (f"{PIPELINE}:train{kind}@{cell}-{detector}", f"{PIPELINE}:score{kind}@{cell}-{detector}")
        for kind, cell in cells
        for detector in params.detectors
    ]


def report(params: Params, say: Callable[[str], object] = print) -> list[Compared]:
    """Write `reports/table.md`, `table.csv` and `table.png`.

    Raises
    ------
    StridorError
        If results are missing or do not fit together.
    """
    compared = compare(read_rows(params), params.evaluation, params.seed)
    manifests = [Manifest.read(Places(detector).manifest) for detector in params.detectors]
    published = PUBLISHED if is_development_set(manifests) else {}
    for name, text in (("table.md", to_markdown(compared, params, published)), ("table.csv", to_csv(compared))):
        with whole_file(REPORTS / name) as beside:
            beside.write_text(text, encoding="utf-8")
    draw(compared, REPORTS / "table.png")
    for one in compared:
        gain = "" if one.to_full is None else f", minus full method {difference_text(one.to_full)}"
        say(f"{one.row.name}: {100 * one.total:.2f}{gain}")
    return compared


def _jobs() -> int:
    import torch

    return 1 if torch.cuda.is_available() else os.cpu_count() or 1


def _stale() -> set[str]:
    """Name the stages that are not up to date; what hangs on their outputs is not among them."""
    status = subprocess.run(_dvc(["status", "--json", "dvc.yaml", PIPELINE]).line, stdout=subprocess.PIPE, check=False)
    if status.returncode:
        raise StridorError("DVC cannot say what is up to date (its reason stands above); mend it and try again.")
    return set(json.loads(status.stdout))


def _beside_each_other(work: Sequence[Sequence[str]], jobs: int) -> None:
    """Run groups of stages, each group in its order, in so many processes that share the cores."""
    threads = max((os.cpu_count() or 1) // jobs, 1)
    jobs = min(jobs, len(work))
    # Each stage by itself: looking at data.dvc, which they share, one process would stop the other.
    shares = [[stage for group in work[job::jobs] for stage in group] for job in range(jobs)]
    _run([_dvc(["repro", "--single-item", *share], threads) for share in shares])


def _dvc(arguments: Iterable[str], threads: int | None = None) -> Command:
    # DVC lets go of its lock while a stage runs; only between stages one process waits for another.
    return Command(
        (sys.executable, "-m", "dvc", "--wait-for-lock", *arguments),
        {} if threads is None else {"OMP_NUM_THREADS": str(threads)},
    )


def _run(commands: Sequence[Command]) -> None:
    if any(run_together(commands)):
        raise StridorError(
            "DVC could not run all of the table (its reason stands above); mend it and run 'make table' again, what "
            "has been finished is kept."
        )


if __name__ == "__main__":
    with one_sentence():
        report(read_params())
