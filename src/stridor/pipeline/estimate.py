"""Estimate what each detector's training will take, before it starts."""

from dataclasses import dataclass

from stridor.common.compute import processes_at_a_time, set_threads, threads_of_each
from stridor.data.manifest import build_manifest
from stridor.params import Params
from stridor.pipeline.step_cost import StepCost, measure_step
from stridor.pipeline.work import Work, work_of
from stridor.stages.layout import DATA

# The estimate ignores that the second stage does not train the decoder, which is small compared with the encoder.
COLUMNS = ("detector", "normals", "supplements", "tests", "examples", "steps", "PFLOP", "hours", "augmented GB")


@dataclass(frozen=True)
class Plan:
    """The work of every detector and the cost of one step on this machine."""

    work: dict[str, Work]
    cost: StepCost
    batch_size: int
    at_a_time: int = 1

    def hours(self, detector: str) -> float:
        """Return the hours that training and embedding of a detector will take on this machine."""
        work = self.work[detector]
        steps = (work.steps_one + work.steps_two) * self.cost.step_seconds
        return (steps + work.embedded * self.cost.embed_seconds) / 3600

    @property
    def all_hours(self) -> float:
        """The hours that all detectors will take, `at_a_time` of them in parallel."""
        return sum(map(self.hours, self.work)) / min(self.at_a_time, len(self.work))

    def text(self) -> str:
        """Return the plan as a printable table, with the measurements that it is based on."""
        rows: list[tuple[object, ...]] = [COLUMNS]
        for name, work in self.work.items():
            steps = work.steps_one + work.steps_two
            rows.append((
                name, work.normals, work.supplements, work.tests, work.examples, steps,
                f"{steps * self.cost.flop / 1e15:.3g}", f"{self.hours(name):.3g}",
                f"{work.augmented_bytes / 1e9:.2f}",
            ))  # fmt: skip
        if len(self.work) > 1:
            flop = sum((work.steps_one + work.steps_two) * self.cost.flop for work in self.work.values())
            rows.append((
                "all", *(sum(getattr(work, name) for work in self.work.values())
                         for name in ("normals", "supplements", "tests", "examples")),
                sum(work.steps_one + work.steps_two for work in self.work.values()), f"{flop / 1e15:.3g}",
                f"{self.all_hours:.3g}",
                f"{sum(work.augmented_bytes for work in self.work.values()) / 1e9:.2f}",
            ))  # fmt: skip
        widths = [max(len(str(row[column])) for row in rows) for column in range(len(COLUMNS))]
        table = [
            "  ".join(f"{cell!s:<{width}}" if not i else f"{cell!s:>{width}}" for i, (cell, width) in pairs).rstrip()
            for pairs in ([*enumerate(zip(row, widths, strict=True))] for row in rows)
        ]
        cost = self.cost
        return "\n".join([
            *table,
            "",
            f"Encoder {cost.encoder_parameters / 1e6:.1f} million parameters, decoder "
            f"{cost.separator_parameters / 1e6:.2f} million. One step of {self.batch_size} clips on {cost.device}: "
            f"{cost.step_seconds:.3g} s, {cost.flop / 1e12:.3g} TFLOP, {cost.peak_bytes / 1e9:.1f} GB at the peak.",
            f"Hours are those of training and embedding, {self.at_a_time} detector(s) in parallel, from steps "
            "timed just now on noise; reading clips and the checks after each epoch are not included.",
        ])  # fmt: skip


def make_plan(params: Params, detectors: tuple[str, ...] = (), jobs: int | None = None) -> Plan:
    """Count the work and measure the cost of a step.

    Parameters
    ----------
    params : Params
        All of params.yaml.
    detectors : tuple of str
        Names of detectors; all if empty.
    jobs : int, optional
        Number of detectors in parallel; by default `processes_at_a_time`.

    Raises
    ------
    StridorError
        If clips or the checkpoint are missing.
    """
    work = {}
    for name in params.named_detectors(detectors):
        detector_params = params.for_detector(name)
        manifest = build_manifest(DATA, detector_params.detectors[name].machines)
        work[name] = work_of(manifest, detector_params)
    # The same length for all, that of the detector with the longest clips, so that memory is not underestimated.
    jobs = jobs or processes_at_a_time(params.compute.threads, params.compute.accelerator)
    set_threads(threads_of_each(params.compute.threads, jobs) if jobs > 1 else params.compute.threads)
    cost = measure_step(params, max(one.seconds for one in work.values()))
    return Plan(work, cost, params.training.batch_size, jobs)
