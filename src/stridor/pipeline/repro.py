"""The pipeline, with as many detectors beside each other as the machine has cores for."""

from collections.abc import Callable

from stridor.common.compute import processes_at_a_time
from stridor.params import Params
from stridor.pipeline.dvc_stages import reproduce, run_stale

PIPELINE = "dvc.yaml"
# Those of a detector, in their order.
STAGES = ("augment", "train", "autoencoder", "index", "evaluate", "register")


def detector_stages(params: Params, stages: tuple[str, ...] = STAGES) -> list[tuple[str, ...]]:
    """Name the stages of every detector, as DVC does."""
    return [tuple(f"{stage}@{detector}" for stage in stages) for detector in params.detectors]


def run_pipeline(
    params: Params, stale: set[str], jobs: int | None = None, say: Callable[[str], object] = print
) -> None:
    """Bring the pipeline up to date; where there is anything to do, `dvc repro` runs last.

    Parameters
    ----------
    params : Params
        All of params.yaml.
    stale : set of str
        Stages that are not up to date.
    jobs : int, optional
        Detectors at a time; by default `processes_at_a_time`.

    Raises
    ------
    StridorError
        If a stage failed; what has been finished is kept.
    """
    if not stale:
        say("Everything is up to date.")
        return
    jobs = jobs or processes_at_a_time(params.compute.threads, params.compute.accelerator)
    if jobs > 1 and len(params.detectors) > 1:
        run_stale("detectors", detector_stages(params), stale, jobs, say)
    reproduce()
