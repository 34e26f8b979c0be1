"""MobileNetV3-Large of width 0.4 as EfficientAT's mn04 has it, with every batch norm folded into its convolution.

Written for this project after Howard et al., "Searching for MobileNetV3" (ICCV 2019), and Schmid et al., "Efficient
Large-Scale Audio Tagging via Transformer-to-CNN Knowledge Distillation" (ICASSP 2023). Parameter names are those of the
published weights, so far as these have them.
"""

from torch import Tensor, nn

# Kernel, expanded channels, output channels, squeeze and excitation, hard swish, stride of each block.
BLOCKS = [
    (3, 8, 8, False, False, 1), (3, 24, 16, False, False, 2), (3, 32, 16, False, False, 1),
    (5, 32, 16, True, False, 2), (5, 48, 16, True, False, 1), (5, 48, 16, True, False, 1),
    (3, 96, 32, False, True, 2), (3, 80, 32, False, True, 1), (3, 72, 32, False, True, 1),
    (3, 72, 32, False, True, 1), (3, 192, 48, True, True, 1), (3, 272, 48, True, True, 1),
    (5, 272, 64, True, True, 2), (5, 384, 64, True, True, 1), (5, 384, 64, True, True, 1),
]  # fmt: skip
STEM, TOP = 8, 384
# Frames and mel bands of a cell of the map.
STRIDE = 32
BATCH_NORM_EPS = 1e-3
# What a batch norm of the published weights consists of, all of the shape [channels].
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


def mobilenet() -> nn.Sequential:
    """Build the stages, `[B x 1 x 128 x frames]` to `[B x 384 x 4 x ceil(frames / 32)]`, to be filled with weights."""
    stages: list[nn.Module] = [_convolution(1, STEM, 3, stride=2, activation=nn.Hardswish)]
    channels = STEM
    for kernel, expanded, out, excited, hard, stride in BLOCKS:
        stages.append(Block(channels, kernel, expanded, out, excited, hard, stride))
        channels = out
    stages.append(_convolution(channels, TOP, 1, activation=nn.Hardswish))
    return nn.Sequential(*stages)


class Block(nn.Module):
    """Inverted residual block."""

    def __init__(
        self, channels: int, kernel: int, expanded: int, out: int, excited: bool, hard: bool, stride: int
    ) -> None:
        super().__init__()
        activation = nn.Hardswish if hard else nn.ReLU
        layers: list[nn.Module] = []
        if expanded != channels:
            layers.append(_convolution(channels, expanded, 1, activation=activation))
        layers.append(_convolution(expanded, expanded, kernel, stride, groups=expanded, activation=activation))
        if excited:
            layers.append(Excitation(expanded))
        layers.append(_convolution(expanded, out, 1))
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B x channels x band x time]`."""
        y: Tensor = self.block(x)
        return x + y if self.residual else y


class Excitation(nn.Module):
    """Squeeze and excitation over both axes, with a plain sigmoid where torchvision's is a hard one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = _eighth(channels / 4)
        layers = {"fc1": nn.Linear(channels, squeezed), "fc2": nn.Linear(squeezed, channels)}
        self.conc_se_layers = nn.ModuleList([nn.ModuleDict(layers)])

    def forward(self, x: Tensor) -> Tensor:
        """Weigh the channels of `[B x channels x band x time]`."""
        squeeze, excite = self.conc_se_layers[0].values()  # type: ignore[operator]
        weights: Tensor = excite(squeeze(x.mean(dim=(2, 3))).relu()).sigmoid()
        return x * weights[..., None, None]


def published_shapes(stages: nn.Module, prefix: str) -> dict[str, Tensor]:
    """Return tensors of the shapes that the published weights have, in which batch norms are not folded.

    Parameters
    ----------
    stages : Module
        As from `mobilenet`.
    prefix : str
        Of the names, "features.".
    """
    shapes = {prefix + name: tensor for name, tensor in stages.state_dict().items()}
    for convolution in _convolutions(stages):
        bias = shapes.pop(f"{prefix}{convolution}.bias")
        shapes |= {f"{prefix}{_norm_after(convolution)}.{part}": bias for part in _BATCH_NORM}
    return shapes


def folded(published: dict[str, Tensor], stages: nn.Module, prefix: str) -> dict[str, Tensor]:
    """Return the weights of the stages, in which each convolution does what its batch norm did besides.

    Parameters
    ----------
    published : dict of str to Tensor
        Of the shapes that `published_shapes` returns.
    stages, prefix
        As for `published_shapes`.
    """
    weights = {name: published[prefix + name] for name in stages.state_dict() if prefix + name in published}
    for convolution in _convolutions(stages):
        norm = f"{prefix}{_norm_after(convolution)}"
        weight, bias, mean, variance = (published[f"{norm}.{part}"].double() for part in _BATCH_NORM)
        scale = weight / (variance + BATCH_NORM_EPS).sqrt()
        kernel = published[f"{prefix}{convolution}.weight"].double() * scale[:, None, None, None]
        weights |= {f"{convolution}.weight": kernel.float(), f"{convolution}.bias": (bias - mean * scale).float()}
    return weights


def _convolutions(stages: nn.Module) -> list[str]:
    return [name for name, module in stages.named_modules() if isinstance(module, nn.Conv2d)]


def _norm_after(convolution: str) -> str:
    """Return the published name of the batch norm after a convolution, which is the first in its sequence."""
    return convolution.removesuffix("0") + "1"


def _convolution(
    channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1, activation: type[nn.Module] | None = None
) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups)
    return nn.Sequential(convolution, *([activation()] if activation else []))


def _eighth(channels: float) -> int:
    """Round to a multiple of 8, never down by more than a tenth (MobileNet's rule)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
