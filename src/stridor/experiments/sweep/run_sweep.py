"""Run a sweep, from stored vectors to the report."""

from collections.abc import Callable, Sequence
from pathlib import Path

from stridor.common.atomic import atomic_file
from stridor.common.stage_process import stage_process
from stridor.experiments.sweep.choose import SystemSweep, judge
from stridor.experiments.sweep.grid import combinations
from stridor.experiments.sweep.pool import SYSTEMS
from stridor.experiments.sweep.pseudo import pseudo_aucs
from stridor.experiments.sweep.score import sweep_machine
from stridor.experiments.sweep.sweep_report import summary, to_csv, to_markdown
from stridor.experiments.sweep.vectors import POOLED, MachineVectors
from stridor.params import Params, read_params
from stridor.stages.layout import REPORTS
from stridor.stages.systems import NAMES


def sweep(
    params: Params, detectors: Sequence[str] = (), print_line: Callable[[str], object] = print
) -> dict[str, SystemSweep]:
    """Score all combinations for the systems of the sweep and write `reports/sweep.md` and `sweep.csv`.

    Parameters
    ----------
    detectors : sequence of str
        Detectors whose machines take part; all of params.yaml if none is given.
    print_line : callable
        Prints a line.

    Raises
    ------
    StridorError
        If a detector is unknown or its vectors are missing, or there are fewer than two machines.
    """
    detectors = params.named_detectors(detectors)
    grid = combinations(params)
    results = {}
    for system in SYSTEMS:
        sweeps, pseudo = [], []
        for detector in detectors:
            for machine in params.detectors[detector].machines:
                vectors = MachineVectors.load(POOLED / detector / system, machine)
                sweeps.append(sweep_machine(vectors, grid, params.bank))
                pseudo.append(pseudo_aucs(vectors, grid, params.bank, params.seed))
        results[NAMES[system]] = judge(sweeps, grid, pseudo, params)
        print_line(summary(NAMES[system], results[NAMES[system]]))
    pages = {"sweep.md": to_markdown(results, params.evaluation.confidence), "sweep.csv": to_csv(results)}
    for name, text in pages.items():
        with atomic_file(Path(REPORTS) / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return results


if __name__ == "__main__":
    with stage_process():
        sweep(read_params())
