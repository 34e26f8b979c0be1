"""The loss of separation in representation space: a mixture's tokens against those of the clean clip."""

import copy

import torch
from torch import Tensor, nn

from stridor.models.encoder import BANDS, Encoder, Tokens
from stridor.models.pooling import band_pool

# A machine whose clips hardly differ must not weigh a thousand times as much as others.
_LEAST_SHARE = 1e-3
# Keeps the gradient of a distance finite where two clips are one.
_LEAST_SQUARE = 1e-6


class RepresentationLoss(nn.Module):
    """How far a mixture's representation is from the initial encoder's of the clean clip.

    In stage one the tokens of every layer are compared. In stage two, which sees two mixtures of each clip, each band's
    mean over time is compared, and the distances between the clips of the batch with the initial encoder's distances
    between the clean clips (as relational knowledge distillation, W. Park et al., CVPR 2019, but in the same units):
    two mixtures of one clip shall have none, and two clips theirs.

    All is scaled by the variance over the training clips, about the mean of each band, so that 1 is the loss of an
    encoder that gives the mean for every clip.

    Parameters
    ----------
    encoder : Encoder
        As training starts from it; a copy is kept.
    retain : float
        Share of the interferer's representation in the target: Saengthong, Shinozaki, "Retaining mixture
        representations for domain generalized anomalous sound detection" (arXiv:2510.25182).
    """

    token_variance: Tensor
    clip_variance: Tensor

    def __init__(self, encoder: Encoder, retain: float) -> None:
        super().__init__()
        self.initial = copy.deepcopy(encoder).eval().requires_grad_(False)
        self.retain = retain
        self.register_buffer("token_variance", torch.ones(encoder.layers))
        self.register_buffer("clip_variance", torch.ones(encoder.layers))

    def train(self, mode: bool = True) -> "RepresentationLoss":
        """Leave the initial encoder in evaluation mode."""
        super().train(mode)
        self.initial.eval()
        return self

    def forward(self, tokens: Tokens, clean: Tensor, interferer: Tensor, frames: Tensor, refine: bool) -> Tensor:
        """Return the loss of each clip `[B]`; with `refine`, it depends on the other clips of the batch.

        Parameters
        ----------
        tokens : Tokens
            Of the mixtures.
        clean, interferer : Tensor[B x frames x 128]
            Log-mel images of the two sources.
        frames : Tensor[B]
        refine : bool
            Whether this is stage two.
        """
        targets = self._targets(clean, interferer, frames)
        losses = []
        for layer, (ours, theirs) in enumerate(zip(tokens.layers[1:], targets, strict=True)):
            ours = ours.float()
            if refine:
                scale = self.clip_variance[layer].sqrt()
                losses.append(
                    _refinement(band_pool(ours, tokens.valid) / scale, band_pool(theirs, tokens.valid) / scale)
                )
            else:
                error = (ours - theirs).square().mean(dim=-1) * tokens.valid
                losses.append(error.sum(dim=1) / tokens.valid.sum(dim=1) / self.token_variance[layer])
        return torch.stack(losses).mean(dim=0)

    @torch.no_grad()
    def _targets(self, clean: Tensor, interferer: Tensor, frames: Tensor) -> list[Tensor]:
        """Return the target tokens of every layer but the input, `[B x N x width]` each."""
        targets = [layer.float() for layer in self.initial.encode(clean, frames).layers[1:]]
        if self.retain:
            noise = self.initial.encode(interferer, frames).layers[1:]
            # What is unmixed shall stay as it is; silence is a constant image.
            share = self.retain * (interferer.amax(dim=(1, 2)) > interferer.amin(dim=(1, 2)))[:, None, None]
            targets = [(1 - share) * own + share * other for own, other in zip(targets, noise, strict=True)]
        return targets

    @torch.no_grad()
    def moments(self, clean: Tensor, frames: Tensor) -> Tensor:
        """Return sums over clean clips, float64 [2 x layers x 2 x 8 · width + 2] flat, for `set_scales`.

        Of tokens and of band means: their sums and those of their squares, layer by layer; at the end the numbers of
        columns of tokens and of clips.
        """
        tokens = self.initial.encode(clean, frames)
        found: list[Tensor] = []
        for means in (False, True):
            for layer in tokens.layers[1:]:
                grid = (layer * tokens.valid[..., None]).double().unflatten(1, (-1, BANDS)).flatten(2)
                grid = band_pool(layer.double(), tokens.valid)[:, None] if means else grid
                found += [grid.sum(dim=(0, 1)), grid.square().sum(dim=(0, 1))]
        counts = torch.stack([tokens.valid.sum() / BANDS, torch.tensor(len(clean), device=clean.device)]).double()
        return torch.cat([*found, counts]).cpu()

    def set_scales(self, sums: Tensor) -> None:
        """Set the variances from the moments of all clean clips, added up."""
        per_layer = sums[:-2].view(2, len(self.token_variance), 2, -1)
        mean, square = (per_layer / sums[-2:, None, None, None]).unbind(dim=2)
        tokens, clips = (square - mean.square()).mean(dim=-1).float()
        self.token_variance.copy_(tokens)
        self.clip_variance.copy_(torch.maximum(clips, _LEAST_SHARE * tokens))


def _refinement(ours: Tensor, theirs: Tensor) -> Tensor:
    """Return the squared distance of each clip, plus the mean error of its distances to the others, `[B]`."""
    distances, expected = (_distances(side) for side in (ours, theirs))
    relation = (distances - expected).abs().sum(dim=1) / max(len(ours) - 1, 1)
    return (ours - theirs).square().mean(dim=1) + relation


def _distances(points: Tensor) -> Tensor:
    """Return the distances between all rows, root mean square over their values, `[B x B]`."""
    squares = (points[:, None] - points[None]).square().mean(dim=-1)
    return squares.clamp_min(_LEAST_SQUARE).sqrt()
