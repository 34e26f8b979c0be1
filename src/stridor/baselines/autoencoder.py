"""The organisers' autoencoder: fully connected layers from 640 values to a bottleneck of 8 and back."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from stridor.baselines.features import STACK_VALUES

WIDTH = 128
HIDDEN_LAYERS = 4
BOTTLENECK = 8
# The organisers' values; torch's defaults are 0.1 and 1e-5.
BATCH_NORM_MOMENTUM, BATCH_NORM_EPS = 0.01, 1e-3


class Autoencoder(nn.Module):
    """Encoder 640-128-128-128-128-8, decoder 8-128-128-128-128-640; every layer but the last with batch norm and ReLU.

    267,928 parameters, and 2,064 running means and variances of the batch norms. The inputs are decibels, not
    normalised. The baseline of DCASE Task 2 since 2023 (Harada et al.,
    "First-shot anomaly sound detection for machine condition monitoring: a domain generalization baseline",
    EUSIPCO 2023).
    """

    def __init__(self) -> None:
        super().__init__()
        hidden = [WIDTH] * HIDDEN_LAYERS
        self.encoder = nn.Sequential(*_layers(STACK_VALUES, *hidden, BOTTLENECK))
        self.decoder = nn.Sequential(*_layers(BOTTLENECK, *hidden), nn.Linear(WIDTH, STACK_VALUES))

    def forward(self, stack: Tensor) -> Tensor:
        """Reconstruct stacks of frames.

        Parameters
        ----------
        stack : Tensor[V x 640], dB

        Returns
        -------
        Tensor[V x 640], dB
        """
        return self.decoder(self.encoder(stack))


def random_autoencoder(seed: int) -> Autoencoder:
    """Build an untrained autoencoder; the same seed gives the same weights, and torch's global state is unchanged."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Autoencoder()


def _layers(*widths: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        norm = nn.BatchNorm1d(outputs, eps=BATCH_NORM_EPS, momentum=BATCH_NORM_MOMENTUM)
        layers += [nn.Linear(inputs, outputs), norm, nn.ReLU()]
    return layers
