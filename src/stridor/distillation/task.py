"""The student with its heads, and how far what it says is from what the teacher says."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stridor.distillation.params import DistillParams
from stridor.distillation.teacher import Targets
from stridor.models.encoder import BANDS, Encoder
from stridor.models.pooling import mean_pool

# A feature that hardly varies says little; divided by its own deviation it would say as much as the others.
_LEAST_DEVIATION = 0.05
# Tag probabilities are kept off 0 and 1, where the logarithm ends.
_MARGIN = 1e-6


class Losses(NamedTuple):
    """Mean losses of a batch; `total` is minimised.

    Attributes
    ----------
    total : Tensor[]
    pooled : Tensor[]
        Mean squared error of the standardised pooled embedding: 1 for a student that says the mean.
    map : Tensor[]
        1 - cosine between the maps.
    tags : Tensor[]
        Kullback-Leibler divergence of the tags, mean over tags; 0 without tags.
    relation : Tensor[]
        Distances between the clips of the batch, against the teacher's.
    """

    total: Tensor
    pooled: Tensor
    map: Tensor
    tags: Tensor
    relation: Tensor


class DistillationTask(nn.Module):
    """Student, heads and loss.

    Every head is one linear layer: what the teacher knows has to be in the student's own last layer, because
    the heads are dropped at the end.

    Parameters
    ----------
    student : Encoder
    example : Targets
        Any answer of the teacher, for its widths.
    params : DistillParams
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
        self.pooled_head = nn.Linear(width, pooled)
        self.map_head = nn.Linear(width, cells)
        self.tags_head = None if example.tags is None else nn.Linear(width, example.tags.shape[-1])
        for name, size in (("pooled", pooled), ("map", cells)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_deviation", torch.ones(size))

    @torch.no_grad()
    def standardise(self, answers: Iterable[Targets]) -> None:
        """Learn the teacher's mean and spread, and start the tags at their mean frequency.

        Parameters
        ----------
        answers : iterable of Targets
            To enough batches to speak for all.
        """
        answers = list(answers)
        for name in ("pooled", "map"):
            values = torch.cat([getattr(answer, name).flatten(0, -2) for answer in answers]).double()
            deviation = values.std(dim=0)
            getattr(self, f"{name}_mean").copy_(values.mean(dim=0))
            least = (_LEAST_DEVIATION * deviation.mean()).clamp_min(torch.finfo(torch.float32).tiny)
            getattr(self, f"{name}_deviation").copy_(deviation.clamp_min(least))
        if self.tags_head is not None:
            frequency = torch.cat([answer.tags for answer in answers if answer.tags is not None]).mean(dim=0)
            self.tags_head.bias.copy_(torch.logit(frequency.float(), eps=_MARGIN))

    def forward(self, wave: Tensor, targets: Targets) -> Losses:
        """Compare with the teacher's answer to the same waves `[B x T]`."""
        params = self.params
        tokens = self.student(wave)
        clip = mean_pool(tokens.last, tokens.valid)
        taught = (targets.pooled - self.pooled_mean) / self.pooled_deviation
        pooled = F.mse_loss(self.pooled_head(clip).float(), taught)
        cells = self._map_distance(tokens.last, targets.map)
        relation = relational_distance(clip.float(), taught)
        total = params.pooled_weight * pooled + params.map_weight * cells + params.relation_weight * relation
        tags = torch.zeros_like(total)
        if self.tags_head is not None and targets.tags is not None:
            truth = targets.tags.clamp(_MARGIN, 1 - _MARGIN)
            # Less the teacher's own entropy, so that zero is the best there is.
            entropy = F.binary_cross_entropy_with_logits(truth.logit(), truth)
            tags = F.binary_cross_entropy_with_logits(self.tags_head(clip).float(), truth) - entropy
            total = total + params.tags_weight * tags
        return Losses(total, pooled, cells, tags, relation)

    def _map_distance(self, tokens: Tensor, target: Tensor) -> Tensor:
        """1 - cosine between the maps, both averaged down to the coarser grid in time and in frequency.

        The teacher's map is standardised by channel first: otherwise the mean of all sounds, which is the
        same for every clip, would be most of the angle.
        """
        cells = tokens.unflatten(1, (-1, BANDS)).permute(0, 3, 1, 2)  # B x width x time x band
        target = ((target - self.map_mean) / self.map_deviation).permute(0, 3, 1, 2)
        grid = (min(cells.shape[2], target.shape[2]), min(cells.shape[3], target.shape[3]))
        cells, target = (F.adaptive_avg_pool2d(side, grid).permute(0, 2, 3, 1) for side in (cells, target))
        return 1 - F.cosine_similarity(self.map_head(cells).float(), target, dim=-1).mean()


def relational_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Compare how far apart the clips of a batch lie for student and teacher.

    A head can read what the teacher knows from directions in which the student's embedding hardly varies;
    a nearest-neighbour score is blind to these. This loss has no head: the student's own distances have to be
    the teacher's, up to one factor (distance-wise relational knowledge distillation, W. Park et al., CVPR 2019).

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
