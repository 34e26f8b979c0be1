"""The student with its heads, and the loss between their outputs and the teacher's targets."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stridor.distillation.params import DistillParams
from stridor.distillation.teacher import Targets
from stridor.models.encoder import BANDS, Encoder
from stridor.models.pooling import mean_pool

# A lower bound, so that features that hardly vary do not get the same weight as the others.
_LEAST_DEVIATION = 0.05
# Tag probabilities are clipped to avoid infinite logits.
_MARGIN = 1e-6


class Losses(NamedTuple):
    """Mean losses of a batch; `total` is minimised.

    Attributes
    ----------
    total : Tensor[]
    pooled : Tensor[]
        Mean squared error of the standardised pooled embedding, mean over layers: 1 for a student that always
        predicts the mean.
    map : Tensor[]
        1 - cosine between the maps, mean over layers.
    tags : Tensor[]
        Kullback-Leibler divergence of the tags, mean over tags; 0 without tags.
    relation : Tensor[]
        Difference of the distances between clips of the batch from the teacher's, mean over layers, and over clips
        described by their mean and by the means of their bands.
    """

    total: Tensor
    pooled: Tensor
    map: Tensor
    tags: Tensor
    relation: Tensor


class LayerHeads(nn.Module):
    """What one layer of the student says of the teacher's pooled embedding and map.

    Both are linear, so that the layer itself has to contain what the teacher represents.

    Parameters
    ----------
    width, pooled, cells : int
        Width of the student, of the teacher's pooled embedding and of its map.
    """

    def __init__(self, width: int, pooled: int, cells: int) -> None:
        super().__init__()
        self.pooled, self.map = nn.Linear(width, pooled), nn.Linear(width, cells)

    def forward(self, tokens: Tensor, valid: Tensor, targets: Targets) -> Tensor:
        """Return the losses of a layer `[3]`: pooled, map and relation.

        Parameters
        ----------
        tokens : Tensor[B x N x width]
            The layer's output.
        valid : Tensor[B x N], bool
        targets : Targets
            Standardised.
        """
        clip = mean_pool(tokens, valid)
        pooled = F.mse_loss(self.pooled(clip).float(), targets.pooled)
        cells = tokens.unflatten(1, (-1, BANDS))  # B x time x band x width
        by_mean = relational_distance(clip.float(), targets.pooled)
        by_bands = relational_distance(cells.mean(dim=1).flatten(1).float(), targets.map.mean(dim=1).flatten(1))
        return torch.stack([pooled, self._map_distance(cells, targets.map), (by_mean + by_bands) / 2])

    def _map_distance(self, cells: Tensor, target: Tensor) -> Tensor:
        """Return 1 - cosine between the maps, both averaged to the coarser grid in time and in frequency."""
        cells, target = (side.permute(0, 3, 1, 2) for side in (cells, target))  # B x values x time x band
        grid = (min(cells.shape[2], target.shape[2]), min(cells.shape[3], target.shape[3]))
        cells, target = (F.adaptive_avg_pool2d(side, grid).permute(0, 2, 3, 1) for side in (cells, target))
        return 1 - F.cosine_similarity(self.map(cells).float(), target, dim=-1).mean()


class DistillationTask(nn.Module):
    """Student, heads and loss.

    Every layer of the student has heads of its own, because the one that scores best is not always the last; the heads
    are not part of the final student.

    Parameters
    ----------
    example : Targets
        Any targets of the teacher, for their widths.
    """

    pooled_mean: Tensor
    pooled_deviation: Tensor
    map_mean: Tensor
    map_deviation: Tensor

    def __init__(self, student: Encoder, example: Targets, params: DistillParams) -> None:
        super().__init__()
        self.student, self.params = student, params
        width = student.width
        pooled, cells = example.pooled.shape[-1], example.map.shape[-1]
        self.heads = nn.ModuleList([LayerHeads(width, pooled, cells) for _ in range(student.layers)])
        self.tags_head = None if example.tags is None else nn.Linear(width, example.tags.shape[-1])
        for name, size in (("pooled", pooled), ("map", cells)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_deviation", torch.ones(size))

    @torch.no_grad()
    def standardise(self, targets: Iterable[Targets]) -> None:
        """Set the mean and deviation of the targets, and initialise the tags at their mean frequency.

        Parameters
        ----------
        targets : iterable of Targets
            For enough batches to be representative.
        """
        targets = list(targets)
        for name in ("pooled", "map"):
            values = torch.cat([getattr(one, name).flatten(0, -2) for one in targets]).double()
            deviation = values.std(dim=0)
            getattr(self, f"{name}_mean").copy_(values.mean(dim=0))
            least = (_LEAST_DEVIATION * deviation.mean()).clamp_min(torch.finfo(torch.float32).tiny)
            getattr(self, f"{name}_deviation").copy_(deviation.clamp_min(least))
        if self.tags_head is not None:
            frequency = torch.cat([one.tags for one in targets if one.tags is not None]).mean(dim=0)
            self.tags_head.bias.copy_(torch.logit(frequency.float(), eps=_MARGIN))

    def forward(self, wave: Tensor, targets: Targets) -> Losses:
        """Return the losses against the teacher's targets for the same waves `[B x T]`."""
        params = self.params
        tokens = self.student(wave)
        standard = self._standardised(targets)
        # Layer 0 is the input of the first.
        layers = zip(self.heads, tokens.layers[1:], strict=True)
        pooled, cells, relation = torch.stack([head(layer, tokens.valid, standard) for head, layer in layers]).mean(0)
        total = params.pooled_weight * pooled + params.map_weight * cells + params.relation_weight * relation
        tags = torch.zeros_like(total)
        if self.tags_head is not None and targets.tags is not None:
            truth = targets.tags.clamp(_MARGIN, 1 - _MARGIN)
            # Minus the teacher's own entropy, so that the minimum is zero.
            entropy = F.binary_cross_entropy_with_logits(truth.logit(), truth)
            said = self.tags_head(mean_pool(tokens.last, tokens.valid)).float()
            tags = F.binary_cross_entropy_with_logits(said, truth) - entropy
            total = total + params.tags_weight * tags
        return Losses(total, pooled, cells, tags, relation)

    def _standardised(self, targets: Targets) -> Targets:
        """Standardise pooled embedding and map by channel.

        Otherwise the map's mean over all sounds, which is the same for every clip, would dominate the angle.
        """
        pooled = (targets.pooled - self.pooled_mean) / self.pooled_deviation
        return Targets(pooled, (targets.map - self.map_mean) / self.map_deviation, targets.tags)


def relational_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Compare the distances between the clips of a batch for student and teacher.

    A head can reproduce the teacher from directions in which the student's embedding hardly varies, and which have no
    influence on a nearest-neighbour score. This loss has no head: the student's own distances have to equal the
    teacher's, up to a factor (distance-wise relational knowledge distillation, W. Park et al., CVPR 2019).

    Parameters
    ----------
    student : Tensor[B x D]
    teacher : Tensor[B x E]

    Returns
    -------
    Tensor[]
        Smooth L1 difference of the Euclidean distances, each side divided by its mean.
    """
    student, teacher = (torch.pdist(side) for side in (student, teacher))
    tiny = torch.finfo(student.dtype).tiny
    student, teacher = (side / side.mean().clamp_min(tiny) for side in (student, teacher))
    return F.smooth_l1_loss(student, teacher)
