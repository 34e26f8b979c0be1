"""Random weights for an encoder without a checkpoint."""

import torch
from torch import nn

from stridor.models.beats import Beats
from stridor.models.config import BeatsConfig


def random_beats(config: BeatsConfig, seed: int) -> Beats:
    """Build an encoder with random weights.

    Xavier-normal weights with DeepNorm's gain on value, output and feed-forward weights (Wang et al.,
    "DeepNet", 2022); 1 for the others; biases zero.

    Parameters
    ----------
    config : BeatsConfig
    seed : int
        The same seed gives the same weights; torch's global state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Beats(config)
        gained = ("v_proj", "out_proj", "fc1", "fc2")
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                gain = config.initial_gain if name.endswith(gained) else 1.0
                nn.init.xavier_normal_(module.weight.flatten(1), gain=gain)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    return model
