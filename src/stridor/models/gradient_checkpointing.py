"""Layers whose intermediate values are computed again in the backward pass instead of being kept."""

from typing import Any

import torch
from torch import nn


class GradientCheckpointingLayer(nn.Module):
    """Base class of an encoder's layers; of one that checkpoints, only its inputs are kept for the backward pass.

    Chen et al., "Training deep nets with sublinear memory cost" (arXiv:1604.06174). The gradients are the same: dropout
    draws the same numbers again.

    Attributes
    ----------
    gradient_checkpointing : bool
        Whether the layer does so in training mode.
    """

    gradient_checkpointing = False

    def __call__(self, *inputs: Any) -> Any:
        """Apply the layer."""
        if self.gradient_checkpointing and self.training and torch.is_grad_enabled():
            # Not needed for scoring, and slow to import.
            from torch.utils.checkpoint import checkpoint

            return checkpoint(super().__call__, *inputs, use_reentrant=False)
        return super().__call__(*inputs)
