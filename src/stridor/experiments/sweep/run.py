"""From stored vectors to the report of a sweep."""

from collections.abc import Callable, Sequence
from pathlib import Path

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError, one_sentence
from stridor.experiments.sweep.choose import Verdict, judge
from stridor.experiments.sweep.grid import combinations
from stridor.experiments.sweep.pool import SYSTEMS
from stridor.experiments.sweep.report import summary, to_csv, to_markdown
from stridor.experiments.sweep.score import sweep_machine
from stridor.experiments.sweep.vectors import POOLED, MachineVectors
from stridor.params import Params, read_params
from stridor.stages.layout import REPORTS
from stridor.stages.systems import NAMES


def sweep(params: Params, detectors: Sequence[str] = (), say: Callable[[str], None] = print) -> dict[str, Verdict]:
    """Score all combinations for the systems of the sweep and write `reports/sweep.md` and `sweep.csv`.

    Parameters
    ----------
    detectors : sequence of str
        Whose machines take part; all of params.yaml if none is named.

    Raises
    ------
    StridorError
        If a detector is unknown or its vectors are not there, or there are fewer than two machines.
    """
    if unknown := [name for name in detectors if name not in params.detectors]:
        raise StridorError(
            f"params.yaml has no detector '{unknown[0]}'; its detectors are {', '.join(params.detectors)}."
        )
    grid = combinations(params)
    verdicts = {}
    for system in SYSTEMS:
        sweeps = [
            sweep_machine(MachineVectors.load(POOLED / detector / system, machine), grid)
            for detector in detectors or params.detectors
            for machine in params.detectors[detector].machines
        ]
        verdicts[NAMES[system]] = judge(sweeps, grid, params)
        say(summary(NAMES[system], verdicts[NAMES[system]]))
    pages = {"sweep.md": to_markdown(verdicts, params.evaluation.confidence), "sweep.csv": to_csv(verdicts)}
    for name, text in pages.items():
        with atomic_file(Path(REPORTS) / name) as beside:
            beside.write_text(text, encoding="utf-8")
    return verdicts


if __name__ == "__main__":
    with one_sentence():
        sweep(read_params())
