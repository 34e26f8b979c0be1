"""The network: its size, which is the organisers', and its seed."""

import torch
from torch import nn

from stridor.baselines.autoencoder import Autoencoder, random_autoencoder


def test_layers_and_number_of_parameters():
    network = Autoencoder()
    widths = [(layer.in_features, layer.out_features) for layer in network.modules() if isinstance(layer, nn.Linear)]
    encoder = [(640, 128), (128, 128), (128, 128), (128, 128), (128, 8)]
    assert widths == [*encoder, (8, 128), (128, 128), (128, 128), (128, 128), (128, 640)]
    # Weights and biases of all layers, gain and offset of every batch norm.
    expected = sum(a * b + b for a, b in widths) + sum(2 * b for _, b in widths[:-1])
    assert sum(parameter.numel() for parameter in network.parameters()) == expected == 267_928
    running = [b for name, b in network.named_buffers() if name.endswith(("running_mean", "running_var"))]
    assert sum(buffer.numel() for buffer in running) == 2_064


def test_batch_norms_are_the_organisers():
    norms = [layer for layer in Autoencoder().modules() if isinstance(layer, nn.BatchNorm1d)]
    assert len(norms) == 9
    assert {(norm.momentum, norm.eps) for norm in norms} == {(0.01, 1e-3)}


def test_the_bottleneck_is_eight_values_not_negative_and_the_output_may_be():
    network = random_autoencoder(0).eval()
    stack = 10 * torch.randn(3, 640)
    assert network.encoder(stack).shape == (3, 8)
    assert (network.encoder(stack) >= 0).all()
    assert network(stack).shape == (3, 640)
    assert (network(stack) < 0).any()


def test_the_seed_decides_the_weights_and_leaves_the_global_state():
    torch.manual_seed(7)
    expected = torch.randn(3)
    torch.manual_seed(7)
    one, same, other = (random_autoencoder(seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.randn(3), expected)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["encoder.0.weight"], other["encoder.0.weight"])
