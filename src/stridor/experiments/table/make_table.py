"""Run the cells of the table in parallel, and write the table from their results and the pipeline's."""

from collections.abc import Callable

from stridor.common.atomic import atomic_file
from stridor.common.compute import processes_at_a_time
from stridor.common.dvc import out_of_date
from stridor.common.stage_process import stage_process
from stridor.data.manifest import Manifest
from stridor.evaluation.results_table import difference_text
from stridor.experiments.table.cells import FOLDER, FULL
from stridor.experiments.table.compare import ComparedRow, compare
from stridor.experiments.table.picture import draw
from stridor.experiments.table.published import PUBLISHED, is_development_set
from stridor.experiments.table.rows import read_rows
from stridor.experiments.table.table_report import to_csv, to_markdown
from stridor.params import Params, editing, read_params, text
from stridor.pipeline.dvc_stages import Part, reproduce, run_stale
from stridor.pipeline.repro import PIPELINE, STAGES, detector_parts
from stridor.stages.layout import REPORTS, Layout

CELLS = "experiments/table/dvc.yaml"
# All stages of the pipeline that the table needs; it does not need the registry.
_STAGES = tuple(stage for stage in STAGES if stage != "register")


def make_table(seeds: int | None = None, jobs: int | None = None, print_line: Callable[[str], object] = print) -> None:
    """Run the stages of pipeline and cells that are not up to date, then write the table.

    Parameters
    ----------
    seeds : int, optional
        Number of seeds, written to params.yaml; unchanged if not given.
    jobs : int, optional
        Number of trainings in parallel; by default `processes_at_a_time`.
    print_line : callable
        Prints a line.

    Raises
    ------
    StridorError
        If DVC fails; finished stages are kept.
    """
    if seeds is not None:
        first = read_params().seed
        text.write_text(editing.with_seeds(text.read_text(), list(range(first, first + seeds))))
    params = read_params()
    jobs = jobs or processes_at_a_time(params.compute.threads, params.compute.accelerator)
    stale = out_of_date(PIPELINE, CELLS)
    run_stale("detectors of the pipeline", detector_parts(params, _STAGES), stale, jobs, print_line)
    run_stale("cells", [[Part(cell)] for cell in cell_stages(params)], stale, jobs, print_line)
    # Without variants there are no cells, but DVC asks for the folder of their results.
    (FOLDER / "results").mkdir(exist_ok=True)
    reproduce("summary", f"{CELLS}:report", alone=True)


def cell_stages(params: Params) -> list[tuple[str, str]]:
    """Return the names that DVC gives to the two stages of every cell."""
    cells = [("", f"{variant}-{seed}") for seed in params.table.seeds for variant in params.table.variants]
    cells += [(f"_{FULL}", str(seed)) for seed in params.table.full_seeds]
    return [
        (f"{CELLS}:train{kind}@{cell}-{detector}", f"{CELLS}:score{kind}@{cell}-{detector}")
        for kind, cell in cells
        for detector in params.detectors
    ]


def write_table(params: Params, print_line: Callable[[str], object] = print) -> list[ComparedRow]:
    """Write `reports/table.md`, `table.csv` and `table.png`.

    Raises
    ------
    StridorError
        If results are missing or do not fit together.
    """
    compared = compare(read_rows(params), params.evaluation, params.seed)
    manifests = [Manifest.read(Layout(detector).manifest) for detector in params.detectors]
    published = PUBLISHED if is_development_set(manifests) else {}
    for name, content in (("table.md", to_markdown(compared, params, published)), ("table.csv", to_csv(compared))):
        with atomic_file(REPORTS / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    draw(compared, REPORTS / "table.png")
    for one in compared:
        gain = "" if one.to_full is None else f", minus full method {difference_text(one.to_full.difference)}"
        print_line(f"{one.row.name}: {100 * one.total:.2f}{gain}")
    return compared


if __name__ == "__main__":
    with stage_process():
        write_table(read_params())
