"""The positional convolution of BEATs, through the Fourier transform."""

import torch
from torch import Tensor, nn

from stridor.models.remembered import Remembered


class PositionalConvolution(nn.Module):
    """Grouped convolution over tokens with weight normalisation per kernel position.

    Parameters keep the checkpoint's names `weight_g [1 x 1 x kernel]`, `weight_v [width x width/groups x
    kernel]`, which torch's own weight norm has given up.
    """

    def __init__(self, width: int, kernel: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.weight_v = nn.Parameter(torch.empty(width, width // groups, kernel))
        self.weight_g = nn.Parameter(torch.empty(1, 1, kernel))
        self.bias = nn.Parameter(torch.zeros(width))
        self._filters = Remembered()
        nn.init.normal_(self.weight_v, std=(4 / (kernel * width)) ** 0.5)
        # Without values there is no norm, and PyTorch would import its compiler to find that out.
        if not self.weight_v.is_meta:
            with torch.no_grad():
                self.weight_g.copy_(self._norm())

    def _norm(self) -> Tensor:
        return self.weight_v.norm(dim=(0, 1), keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `[B x width x N]`; an even kernel gives one output too many, the last is dropped.

        Through the Fourier transform: in `mini` the direct convolution, with its few channels a group, takes a
        quarter of a training step, and this way a tenth of that. In `base` the transform of the filters takes longer
        than all the rest, so without gradients it is kept between passes (95 MB for clips of 10 s).
        """
        kernel, count = self.weight_v.shape[-1], x.shape[-1]
        size = fast_length(count + kernel // 2)
        # Half precision has no such transform.
        with torch.autocast(x.device.type, enabled=False):
            exact = torch.promote_types(x.dtype, torch.float32)
            filters = self._filters((self.weight_v, self.weight_g), (size, exact), lambda: self._transform(size, exact))
            signal = torch.fft.rfft(x.to(exact), size).unflatten(1, (self.groups, -1)).permute(1, 3, 0, 2)
            # group x frequency x (B x in @ in x out) -> B x width x frequency
            y = torch.fft.irfft((signal @ filters).permute(2, 0, 3, 1).flatten(1, 2), size)
            y = y.roll(kernel // 2, dims=-1)[..., :count] + self.bias[:, None]
        return y.to(x.dtype)

    def _transform(self, size: int, dtype: torch.dtype) -> Tensor:
        """Spectra of the filters, `[groups x frequencies x in x out]`."""
        weight = (self.weight_v * (self.weight_g / self._norm())).to(dtype)
        filters = torch.fft.rfft(weight, size).conj().unflatten(0, (self.groups, -1)).permute(0, 3, 2, 1)
        # What the product would otherwise do in every pass.
        return filters if torch.is_grad_enabled() else filters.resolve_conj().contiguous()


def fast_length(least: int) -> int:
    """Return the smallest product of powers of 2, 3 and 5 that is not below `least`, a fast length for a transform."""
    # What scipy.fft.next_fast_len returns for real input; SciPy takes half a second to import.
    size = least
    while _without_small_factors(size) > 1:
        size += 1
    return size


def _without_small_factors(number: int) -> int:
    for factor in (2, 3, 5):
        while number % factor == 0:
            number //= factor
    return number
