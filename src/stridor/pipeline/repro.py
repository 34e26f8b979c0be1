"""Run the pipeline, with as many detectors in parallel as the machine has cores for."""

import os
from collections.abc import Callable

from stridor.common.compute import processes_at_a_time
from stridor.common.reproducible import variables
from stridor.params import Params
from stridor.pipeline.dvc_stages import Part, reproduce, run_stale

PIPELINE = "dvc.yaml"
# Which stages of a detector run one after the other in a process, and after which of these parts.
_PARTS = (Part(("augment", "train", "index")), Part(("autoencoder",), (0,)), Part(("evaluate", "register"), (0, 1)))
# All of them, in order.
STAGES = tuple(stage for part in _PARTS for stage in part.stages)


def detector_stages(params: Params) -> list[tuple[str, ...]]:
    """Return the names that DVC gives to the stages of every detector."""
    return [tuple(f"{stage}@{detector}" for stage in STAGES) for detector in params.detectors]


def detector_parts(params: Params, stages: tuple[str, ...] = STAGES) -> list[list[Part]]:
    """Return the stages of every detector in parts that may run beside each other."""
    return [
        [Part(tuple(f"{stage}@{detector}" for stage in part.stages if stage in stages), part.after) for part in _PARTS]
        for detector in params.detectors
    ]


def run_pipeline(
    params: Params, stale: set[str], jobs: int | None = None, print_line: Callable[[str], object] = print
) -> None:
    """Bring the pipeline up to date; if there is anything to do, `dvc repro` runs last.

    Parameters
    ----------
    params : Params
        All of params.yaml.
    stale : set of str
        Stages that are not up to date.
    jobs : int, optional
        Number of detectors in parallel; by default `processes_at_a_time`.
    print_line : callable
        Prints a line.

    Raises
    ------
    StridorError
        If a stage failed; finished stages are kept.
    """
    if not stale:
        print_line("Everything is up to date.")
        return
    if params.compute.reproducible:
        # For all stages, which would otherwise each start twice.
        os.environ.update(variables())
    jobs = jobs or processes_at_a_time(params.compute.threads, params.compute.accelerator)
    if jobs > 1 and len(params.detectors) > 1:
        run_stale("detectors", detector_parts(params), stale, jobs, print_line)
    reproduce()
