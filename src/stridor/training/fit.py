"""The training loop: stage one trains encoder and decoder, stage two only the encoder, with the frozen decoder."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from tqdm import tqdm

from stridor.common.errors import StridorError
from stridor.common.seeds import seed_for
from stridor.models.encoder import Encoder
from stridor.models.separator import Separator
from stridor.params import Params
from stridor.params.sections import ComputeParams, StageParams
from stridor.training.loader import EpochLoader
from stridor.training.resume import ResumeFolder
from stridor.training.sanity import SanityCheck, Separation, machine_mean_spectra
from stridor.training.statistics import added_up, measure
from stridor.training.task import Losses, SeparationTask
from stridor.training.triples import TrainingSet

Precision = Literal["32-true", "16-mixed", "bf16-mixed", "64-true"]


@dataclass(frozen=True)
class Epoch:
    """Metrics of one epoch.

    Attributes
    ----------
    number : int
        Starts at 1 and continues through both stages.
    stage : int
        1 or 2.
    metrics : dict of str to float
        Mean losses per clip, gradient norm, learning rate, clips per second.
    separation : list of Separation
        On held-out clips, after the epoch.
    """

    number: int
    stage: int
    metrics: dict[str, float]
    separation: list[Separation] = field(default_factory=list)

    def flat(self) -> dict[str, float]:
        """Return all metrics by name, with the separation averaged over machines."""
        flat = dict(self.metrics)
        for snr_db in dict.fromkeys(s.snr_db for s in self.separation):
            rows = [s for s in self.separation if s.snr_db == snr_db]
            estimate, mixture, mean = (
                sum(values) / len(rows)
                for values in zip(*((s.estimate_db, s.mixture_db, s.mean_spectrum_db) for s in rows), strict=True)
            )
            flat[f"separation/distance_db_at_{snr_db:+.0f}dB"] = estimate
            flat[f"separation/gain_over_mixture_db_at_{snr_db:+.0f}dB"] = mixture - estimate
            flat[f"separation/gain_over_mean_spectrum_db_at_{snr_db:+.0f}dB"] = mean - estimate
        return flat


@dataclass(frozen=True)
class FineTuned:
    """Result of the two stages: weights, on the CPU, and the metrics of every epoch.

    Attributes
    ----------
    after_stage_one : Encoder or None
        The encoder after stage one; None if one of the stages has no epochs.
    """

    encoder: Encoder
    separator: Separator
    epochs: list[Epoch]
    after_stage_one: Encoder | None


def make_fabric(compute: ComputeParams, precision: Precision) -> Fabric:
    """Choose devices and strategy by the parameters; "auto" uses what is available."""
    return Fabric(
        accelerator=compute.accelerator, devices=compute.devices, num_nodes=compute.num_nodes,
        strategy=compute.strategy, precision=precision,
    )  # fmt: skip


def check_trainable(encoder: Encoder, data: TrainingSet, params: Params) -> None:
    """Check that there is something to learn from and something to train.

    Raises
    ------
    StridorError
        If there are no examples, the encoder has no weights that learn although `training` asks for epochs, or none of
        the layers that `decoder.target` compares.
    """
    if not data.examples:
        raise StridorError("There is no training clip left to learn from; add normal clips to train/.")
    epochs_of_both = params.training.stage_one.epochs + params.training.stage_two.epochs
    if epochs_of_both and not encoder.trainable:
        raise StridorError(
            f"The encoder of the family '{encoder.family}' has nothing to train; set training.stage_one.epochs and "
            "training.stage_two.epochs to 0 in params.yaml, so that it is taken as it is."
        )
    if params.decoder.target == "representation" and not encoder.layers:
        raise StridorError(
            f"The encoder of the family '{encoder.family}' has no layers whose representations could be compared; set "
            "decoder.target to log_mel in params.yaml."
        )


def fine_tune(
    encoder: Encoder,
    data: TrainingSet,
    params: Params,
    fabric: Fabric,
    resume: ResumeFolder,
    on_epoch: Callable[[Epoch, Encoder], None],
) -> FineTuned:
    """Fine-tune an encoder in two stages.

    Parameters
    ----------
    encoder : Encoder
        Encoder to be trained; changed in place.
    params : Params
        Parameters of one detector.
    fabric : Fabric
        Already launched.
    resume : ResumeFolder
        Holds the state of an interrupted training.
    on_epoch : callable
        Called after every new epoch, with the current encoder; an exception ends the training.

    Raises
    ------
    StridorError
        As for `check_trainable`, or if a loss is no longer finite.
    """
    check_trainable(encoder, data, params)
    encoder.set_gradient_checkpointing(params.compute.gradient_checkpointing)
    torch.manual_seed(seed_for(params.seed, "separator"))
    separator = Separator(encoder.width, params.decoder)
    task = SeparationTask(encoder, separator, params.training, params.decoder.target).to(fabric.device)
    loader = EpochLoader(data, params, fabric.global_rank, fabric.world_size)
    sanity = SanityCheck(data, params, machine_mean_spectra(data, task, params))
    state = resume.load()
    if state is None:
        measure(task, loader, fabric)
        epochs: list[Epoch] = []
    else:
        task.load_state_dict(state["task"])
        epochs = [_epoch_from(record) for record in state["epochs"]]
    first = 1
    for stage, stage_params in enumerate((params.training.stage_one, params.training.stage_two), start=1):
        last = first + stage_params.epochs - 1
        if len(epochs) < last:
            task.stage = stage
            task.separator.requires_grad_(stage == 1)
            optimiser = _optimiser(task, params, stage_params)
            if state is not None and len(epochs) >= first:
                optimiser.load_state_dict(state["optimiser"])
            module, optimiser = fabric.setup(task, optimiser)
            for number in range(len(epochs) + 1, last + 1):
                # Dropout depends only on the epoch, so that a resumed training repeats it.
                torch.manual_seed(seed_for(params.seed, "epoch", number, fabric.global_rank))
                label = f"stage {stage}, epoch {number - first + 1}/{stage_params.epochs}"
                metrics = _train_epoch(module, optimiser, loader, number, task.views, params, fabric, label)
                epoch = Epoch(number, stage, metrics, sanity(task))
                epochs.append(epoch)
                on_epoch(epoch, task.encoder)
                if fabric.is_global_zero:
                    if stage == 1 and number == last:
                        resume.save_stage_one(task.encoder.state_dict())
                    resume.save({
                        "task": task.state_dict(), "optimiser": optimiser.state_dict(),
                        "epochs": [asdict(epoch) for epoch in epochs],
                    })  # fmt: skip
                fabric.barrier()
        first = last + 1
    encoder = task.encoder.cpu().eval()
    between = None
    if fabric.is_global_zero and params.training.stage_one.epochs and params.training.stage_two.epochs:
        between = copy.deepcopy(encoder)
        between.load_state_dict(resume.stage_one())
    return FineTuned(encoder, task.separator.cpu().eval(), epochs, None if between is None else between.eval())


def _optimiser(task: SeparationTask, params: Params, stage: StageParams) -> torch.optim.AdamW:
    learning = [parameter for parameter in task.parameters() if parameter.requires_grad]
    rate = params.training.learning_rate * stage.learning_rate_factor
    # On a GPU a fused step cannot be joined with gradient clipping in half precision.
    fused = all(parameter.device.type == "cpu" for parameter in learning)
    optimiser = torch.optim.AdamW(learning, lr=rate, weight_decay=params.training.weight_decay, fused=fused)
    # A fused step does not count as a change in place, by which `Remembered` sees that weights are others now.
    optimiser.register_step_post_hook(lambda *_: torch.autograd.graph.increment_version(learning))
    return optimiser


def _train_epoch(
    module: torch.nn.Module, optimiser: torch.optim.Optimizer, loader: EpochLoader, number: int, views: int,
    params: Params, fabric: Fabric, label: str,
) -> dict[str, float]:  # fmt: skip
    module.train()
    batches = fabric.setup_dataloaders(loader.of_epoch(number, views), use_distributed_sampler=False)
    started = time.perf_counter()
    sums = torch.zeros(len(Losses._fields) + 2, dtype=torch.float64)
    bar = tqdm(batches, desc=label, unit="batch", leave=False, disable=None if fabric.is_global_zero else True)
    for batch, share in zip(bar, loader.sampler.shares(), strict=True):
        losses: Losses = module(batch)
        loss = losses.total.mean()
        if not math.isfinite(loss.item()):
            raise StridorError(
                f"The loss is no longer finite in {label}; lower training.learning_rate "
                f"(now {params.training.learning_rate:g})."
            )
        optimiser.zero_grad()
        # Gradients are averaged over the processes, whose shares of the batch differ.
        fabric.backward(loss * (share.of_batch * fabric.world_size))
        norm = fabric.clip_gradients(module, optimiser, max_norm=params.training.gradient_clip)
        optimiser.step()
        size = len(batch.lengths)
        assert norm is not None  # only clipping by value returns none
        per_clip = torch.stack([part.detach().sum() for part in losses]).double().cpu()
        sums += share.weight * torch.cat([per_clip, torch.tensor([float(norm) * size, size], dtype=torch.float64)])
        bar.set_postfix(loss=f"{loss.item():.4f}")
    sums = added_up(sums, fabric)
    clips = float(sums[-1])
    means = (sums[:-1] / clips).tolist()
    names = [f"loss/{name}" for name in Losses._fields] + ["gradient_norm"]
    return dict(zip(names, means, strict=True)) | {
        "learning_rate": optimiser.param_groups[0]["lr"],
        "clips_per_second": clips / views / (time.perf_counter() - started),
    }


def _epoch_from(record: dict[str, Any]) -> Epoch:
    return Epoch(**record | {"separation": [Separation(**row) for row in record["separation"]]})
