"""What is measured of the training clips before training starts: mean spectra, and variances of the representation."""

from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor

from stridor.audio.fbank import frame_counts
from stridor.training.loader import EpochLoader
from stridor.training.task import SeparationTask


@torch.no_grad()
def measure(task: SeparationTask, loader: EpochLoader, fabric: Fabric) -> None:
    """Set, from one pass over the training data, what the task's separator and its loss are scaled by."""
    spectra = torch.zeros(2, task.separator.mean_spectra.shape[1], dtype=torch.float64)
    counts = torch.zeros(2, 1, dtype=torch.float64)
    moments = torch.zeros(())
    # Where nothing is mixed at all, the mean spectrum of the interferer is that of silence.
    mixed = loader.dataset.params.augment.mix
    for batch, share in zip(loader.of_epoch(0), loader.sampler.shares(), strict=True):
        for row, length in enumerate(batch.lengths.tolist()):
            waves = torch.stack([batch.target[row, :length], batch.interferer[row, :length]])
            images = task.encoder.log_mel(waves.to(fabric.device)).double().cpu()
            present = torch.tensor([[True], [not mixed or bool(waves[1].any())]])
            spectra += share.weight * images.sum(dim=1) * present
            counts += share.weight * images.shape[1] * present
        if task.representation is not None:
            images = task.encoder.log_mel(batch.target.to(fabric.device))
            own = task.representation.moments(images, frame_counts(batch.lengths.to(fabric.device)))
            moments = moments + share.weight * own
    totals = added_up(torch.cat([spectra, counts], dim=1).flatten(), fabric).view(2, -1)
    task.separator.mean_spectra.copy_((totals[:, :-1] / totals[:, -1:].clamp_min(1)).float())
    if task.representation is not None:
        task.representation.set_scales(added_up(moments, fabric))


def added_up(values: Tensor, fabric: Fabric) -> Tensor:
    """Return the sum over all processes, on the CPU."""
    # A tensor in gives a tensor out.
    return cast(Tensor, fabric.all_reduce(values, reduce_op="sum")).cpu()
