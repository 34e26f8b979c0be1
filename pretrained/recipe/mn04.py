"""EfficientAT mn04, the teacher of beats_mini: MobileNetV3-Large of width 0.4, trained on AudioSet.

Written after Schmid et al., "Efficient Large-Scale Audio Tagging via Transformer-to-CNN Knowledge
Distillation" (ICASSP 2023); names are those of the published weights `mn04_as_mAP_432.pt` (MIT).
"""

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stridor.common.errors import StridorError
from stridor.distillation.teacher import Targets

MELS, FFT, HOP, WINDOW, RATE_HZ = 128, 1024, 320, 800, 32000
# Kernel, expanded channels, output channels, squeeze and excitation, hard swish, stride of each block.
BLOCKS = [
    (3, 8, 8, False, False, 1), (3, 24, 16, False, False, 2), (3, 32, 16, False, False, 1),
    (5, 32, 16, True, False, 2), (5, 48, 16, True, False, 1), (5, 48, 16, True, False, 1),
    (3, 96, 32, False, True, 2), (3, 80, 32, False, True, 1), (3, 72, 32, False, True, 1),
    (3, 72, 32, False, True, 1), (3, 192, 48, True, True, 1), (3, 272, 48, True, True, 1),
    (5, 272, 64, True, True, 2), (5, 384, 64, True, True, 1), (5, 384, 64, True, True, 1),
]  # fmt: skip
STEM, TOP, HIDDEN, TAGS = 8, 384, 512, 527


class Mn04(nn.Module):
    """The network as a teacher: `wave [B x T]` at 16 kHz to pooled `[B x 384]`, map `[B x T/32 x 4 x 384]`, tags."""

    def __init__(self) -> None:
        super().__init__()
        self.image = LogMel()
        stages = [_conv(1, STEM, 3, stride=2, activation=nn.Hardswish)]
        channels = STEM
        for kernel, expanded, out, excited, hard, stride in BLOCKS:
            stages.append(Block(channels, kernel, expanded, out, excited, hard, stride))
            channels = out
        stages.append(_conv(channels, TOP, 1, activation=nn.Hardswish))
        self.features = nn.Sequential(*stages)
        # Places 0, 1 and 4 are pooling, flattening and dropout in the published network.
        self.classifier = nn.ModuleDict({"2": nn.Linear(TOP, HIDDEN), "5": nn.Linear(HIDDEN, TAGS)})

    def forward(self, wave: Tensor) -> Targets:
        """Describe waves."""
        cells = self.features(self.image(wave)[:, None])  # B x 384 x band x time
        pooled = cells.mean(dim=(2, 3))
        return Targets(pooled, cells.permute(0, 3, 2, 1), self.logits(pooled).sigmoid())

    def logits(self, pooled: Tensor) -> Tensor:
        """Tag logits `[B x 527]` of pooled features `[B x 384]`."""
        return self.classifier["5"](F.hardswish(self.classifier["2"](pooled)))


def load_mn04(path: Path) -> Mn04:
    """Load the published weights, in evaluation mode and with every batch norm folded into its convolution.

    Raises
    ------
    StridorError
        If the file is missing.
    """
    if not path.is_file():
        raise StridorError(f"The teacher {path} is missing; give the path of mn04_as_mAP_432.pt.")
    network = Mn04()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval().requires_grad_(False)
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[1], nn.BatchNorm2d):
            module[0] = torch.nn.utils.fuse_conv_bn_eval(module[0], module[1])
            module[1] = nn.Identity()
    return network


class LogMel(nn.Module):
    """The log-mel image that the network was trained on: 16 kHz in, `[B x 128 x frames]` out, 100 frames a second."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(WINDOW, periodic=False), persistent=False)
        self.register_buffer("mel", mel_filters(), persistent=False)
        between, self.middle = half_band_filter()
        self.register_buffer("half_band", between, persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Turn waves `[B x T]` into images."""
        wave = self.to_32_khz(wave)
        wave = wave[:, 1:] - 0.97 * wave[:, :-1]
        spectrum = torch.stft(wave, FFT, HOP, WINDOW, self.window, center=True, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return ((self.mel @ power + 1e-5).log() + 4.5) / 5

    def to_32_khz(self, wave: Tensor) -> Tensor:
        """Double the sampling rate `[B x T]` -> `[B x 2T]` as `scipy.signal.resample_poly(wave, 2, 1)` does."""
        reach = len(self.half_band) // 2
        # A product with windows is several times faster than a convolution of one channel.
        between = F.pad(wave, (reach - 1, reach)).unfold(-1, 2 * reach, 1) @ self.half_band
        return torch.stack([wave * self.middle, between], dim=-1).flatten(1)


class Block(nn.Module):
    """Inverted residual block (Howard et al., "Searching for MobileNetV3", ICCV 2019)."""

    def __init__(
        self, channels: int, kernel: int, expanded: int, out: int, excited: bool, hard: bool, stride: int
    ) -> None:
        super().__init__()
        activation = nn.Hardswish if hard else nn.ReLU
        layers: list[nn.Module] = []
        if expanded != channels:
            layers.append(_conv(channels, expanded, 1, activation=activation))
        layers.append(_conv(expanded, expanded, kernel, stride, groups=expanded, activation=activation))
        if excited:
            layers.append(Excitation(expanded))
        layers.append(_conv(expanded, out, 1))
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B x channels x band x time]`."""
        return x + self.block(x) if self.residual else self.block(x)


class Excitation(nn.Module):
    """Squeeze and excitation over both axes, with a plain sigmoid where torchvision's is a hard one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = _eighth(channels / 4)
        layer = nn.Module()
        layer.fc1, layer.fc2 = nn.Linear(channels, squeezed), nn.Linear(squeezed, channels)
        self.conc_se_layers = nn.ModuleList([layer])

    def forward(self, x: Tensor) -> Tensor:
        """Weigh the channels of `[B x channels x band x time]`."""
        layer = self.conc_se_layers[0]
        return x * layer.fc2(layer.fc1(x.mean(dim=(2, 3))).relu()).sigmoid()[..., None, None]


def _conv(
    channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1, activation: type[nn.Module] | None = None
) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers = [convolution, nn.BatchNorm2d(out, eps=1e-3)]
    return nn.Sequential(*layers, *([activation()] if activation else []))


def _eighth(channels: float) -> int:
    """Round to a multiple of 8, never down by more than a tenth (MobileNet's rule)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def mel_filters() -> Tensor:
    """Triangles on the mel scale 1127·ln(1 + f/700), 0 to 15 kHz, `[128 x 513]`; none reaches the Nyquist bin."""
    edges = torch.linspace(0.0, 1127 * math.log1p(15000 / 700), MELS + 2, dtype=torch.float64)
    mel = 1127 * torch.log1p(torch.arange(FFT // 2, dtype=torch.float64) * RATE_HZ / FFT / 700)
    left, centre, right = (edges[i : i + MELS, None] for i in range(3))
    triangles = torch.minimum((mel - left) / (centre - left), (right - mel) / (right - centre)).clamp_min(0)
    return F.pad(triangles, (0, 1)).float()


def half_band_filter() -> tuple[Tensor, float]:
    """SciPy's default filter for doubling a rate: 41 taps under a Kaiser window, beta 5.

    Returns
    -------
    Tensor[20]
        Taps for the samples between two old ones.
    float
        The only tap that touches the old samples themselves; the others of that phase are zeros of the sinc.
    """
    from scipy.signal import firwin

    taps = 2 * firwin(41, 0.5, window=("kaiser", 5.0))
    return torch.from_numpy(taps[1::2]).float(), float(taps[20])
