"""The training loop of a distillation, which resumes where an interrupted one stopped."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from stridor.common.errors import StridorError
from stridor.common.seeds import rng_for, seed_for
from stridor.distillation.augmentation import Augmentation
from stridor.distillation.params import DistillParams
from stridor.distillation.recordings import Recordings, draw_batch
from stridor.distillation.task import DistillationTask, Losses
from stridor.distillation.teacher import Targets, Teacher
from stridor.models.encoder import Encoder
from stridor.training.resume import ResumeFolder


@dataclass(frozen=True)
class Report:
    """Metrics of the latest steps.

    Attributes
    ----------
    step : int
        Number of the last of these steps, from 1.
    metrics : dict of str to float
        Mean losses and gradient norm over the steps, learning rate of the last step, clips per second.
    """

    step: int
    metrics: dict[str, float]


def distil(
    student: Encoder,
    teacher: Teacher,
    recordings: Recordings,
    params: DistillParams,
    fabric: Fabric,
    resume: ResumeFolder,
    on_report: Callable[[Report, Encoder], None],
    workers: int = 0,
) -> Encoder:
    """Train a student to reproduce a teacher's output for recordings.

    Parameters
    ----------
    student : Encoder
        Where the distillation starts; changed in place.
    fabric : Fabric
        Already launched.
    resume : ResumeFolder
        Holds the state of an interrupted distillation, which is saved at every report.
    on_report : callable
        Called with every report and the student as averaged so far; an exception ends the distillation.
    workers : int
        Number of processes that load recordings in advance.

    Returns
    -------
    Encoder
        The average of the student's weights over the steps, as `params.average_decay` says; on the CPU, in evaluation
        mode.

    Raises
    ------
    StridorError
        If the loss is no longer finite.
    """
    batches = Batches(recordings, params, fabric.global_rank)
    teaching = TeachingBatches(teacher, batches, fabric)
    torch.manual_seed(seed_for(params.seed, "heads"))
    state = resume.load()
    # Batches before the first step are used only for the statistics.
    task = DistillationTask(student, teaching(0)[1], params).to(fabric.device)
    if state is None:
        task.standardise(teaching(-number)[1] for number in range(params.statistics_batches))
    else:
        task.load_state_dict(state["task"])
    optimiser = torch.optim.AdamW(task.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay)
    averaged = AveragedModel(student, multi_avg_fn=get_ema_multi_avg_fn(params.average_decay))
    average = cast(Encoder, averaged.module)
    done = 0
    if state is not None:
        optimiser.load_state_dict(state["optimiser"])
        averaged.load_state_dict(state["averaged"])
        done = state["step"]
    module, optimiser = fabric.setup(task, optimiser)
    module.train()
    steps = range(done + 1, params.steps + 1)
    loader = DataLoader(batches, batch_size=None, sampler=steps, num_workers=workers)
    running_means = _RunningMeans()
    for step, crops in tqdm(
        zip(steps, loader, strict=True), desc="distil", unit="step", total=params.steps, initial=done, leave=False,
        disable=None if fabric.is_global_zero else True,
    ):  # fmt: skip
        rate = learning_rate(step, params)
        for group in optimiser.param_groups:
            group["lr"] = rate
        # Dropout depends only on the step, so that a resumed distillation repeats it.
        torch.manual_seed(seed_for(params.seed, "step", step, fabric.global_rank))
        losses: Losses = module(*teaching.of_crops(crops, step))
        if not math.isfinite(losses.total.item()):
            raise StridorError(
                f"The loss is no longer finite at step {step}; lower the learning rate (now {params.learning_rate:g})."
            )
        optimiser.zero_grad()
        fabric.backward(losses.total)
        norm = fabric.clip_gradients(module, optimiser, max_norm=params.gradient_clip)
        optimiser.step()
        averaged.update_parameters(student)
        assert norm is not None  # only clipping by value returns none
        running_means.add(losses, norm, len(crops) * fabric.world_size)
        if step % params.report_steps == 0 or step == params.steps:
            metrics = running_means.close(fabric) | {"learning_rate": rate}
            if fabric.is_global_zero:
                states = {"task": task, "optimiser": optimiser, "averaged": averaged}
                resume.save({name: part.state_dict() for name, part in states.items()} | {"step": step})
            on_report(Report(step, metrics), average)
            fabric.barrier()
    return average.cpu().eval()


def learning_rate(step: int, params: DistillParams) -> float:
    """Return the learning rate of a step from 1: linear warm-up, then half a cosine down to zero after the last."""
    if step <= params.warm_up_steps:
        return params.learning_rate * step / params.warm_up_steps
    passed = (step - 1 - params.warm_up_steps) / max(1, params.steps - params.warm_up_steps)
    return params.learning_rate * 0.5 * (1 + math.cos(math.pi * passed))


class Batches(Dataset[Tensor]):
    """Crops `[B x T]` by number of the step, each with its own seed."""

    def __init__(self, recordings: Recordings, params: DistillParams, rank: int = 0) -> None:
        self.recordings, self.params, self.rank = recordings, params, rank

    def __getitem__(self, step: int) -> Tensor:
        params = self.params
        rng = rng_for(params.seed, "crops", step, self.rank)
        return torch.from_numpy(draw_batch(self.recordings, rng, params.batch_size, params.seconds))


class TeachingBatches:
    """Augmented waves with the teacher's targets."""

    def __init__(self, teacher: Teacher, batches: Batches, fabric: Fabric) -> None:
        self.teacher = teacher.to(fabric.device)
        self.batches, self.device = batches, fabric.device
        self.augmentation = Augmentation()

    def __call__(self, step: int) -> tuple[Tensor, Targets]:
        """Return the waves and the targets of a step."""
        return self.of_crops(self.batches[step], step)

    @torch.no_grad()
    def of_crops(self, crops: Tensor, step: int) -> tuple[Tensor, Targets]:
        """Return a step's augmented crops, and the teacher's targets for them."""
        seed = seed_for(self.batches.params.seed, "augmentation", step, self.batches.rank)
        wave = self.augmentation(crops.to(self.device), seed)
        return wave, self.teacher(wave)


class _RunningMeans:
    """Means over the steps since the last report."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._rows: list[Tensor] = []
        self._clips = 0
        self._started = time.perf_counter()

    def add(self, losses: Losses, norm: Tensor, clips: int) -> None:
        self._rows.append(torch.stack([*(part.detach() for part in losses), norm.detach()]).float())
        self._clips += clips

    def close(self, fabric: Fabric) -> dict[str, float]:
        """Return the means over all processes, and start again."""
        # A tensor in gives a tensor out.
        means = cast(Tensor, fabric.all_reduce(torch.stack(self._rows).mean(dim=0), reduce_op="mean"))
        names = (*(f"loss/{name}" for name in Losses._fields), "gradient_norm")
        metrics: dict[str, float] = dict(zip(names, means.tolist(), strict=True))
        metrics["clips_per_second"] = self._clips / (time.perf_counter() - self._started)
        self._start()
        return metrics
