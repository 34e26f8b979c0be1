"""The log-mel image that EfficientAT's networks were trained on, from waves at 16 kHz, computed for whole batches."""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stridor.audio.fbank import MEL_BANDS
from stridor.audio.files import SAMPLE_RATE_HZ

RATE_HZ = 2 * SAMPLE_RATE_HZ
FFT, HOP, WINDOW = 1024, 320, 800
HIGHEST_HZ = 15000
# Half the taps of the filter that doubles the rate.
_REACH = 20


class Mn04Image(nn.Module):
    """Log-mel energies as EfficientAT computes them (Schmid et al., ICASSP 2023).

    The rate is doubled; then pre-emphasis 0.97, 25 ms Hann window, 10 ms shift, 128 mel bands up to 15 kHz, power
    spectrum, ln(x + 1e-5), and (x + 4.5) / 5. Of waves at 16 kHz the bands above 8 kHz, about a fifth of them, hold
    next to nothing.
    """

    window: Tensor
    mel: Tensor
    half_band: Tensor

    def __init__(self) -> None:
        super().__init__()
        # As in `Fbank`, computed where values are, also when a model without values is made.
        window = torch.hann_window(WINDOW, periodic=False, dtype=torch.float32, device="cpu")
        between, self.middle = half_band_filter()
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("mel", mn04_mel_filters(), persistent=False)
        self.register_buffer("half_band", between, persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Turn waves into images.

        Parameters
        ----------
        wave : Tensor[B x T]
            16 kHz, in [-1, 1], at least 257 samples. Frames are centred at every 160th sample, so that the last two or
            three of a clip depend on what follows it; the others do not.

        Returns
        -------
        Tensor[B x frames x 128]
        """
        with torch.autocast(wave.device.type, enabled=False):
            wave = self.to_32_khz(wave)
            wave = wave[:, 1:] - 0.97 * wave[:, :-1]
            spectrum = torch.stft(wave, FFT, HOP, WINDOW, self.window, center=True, return_complex=True)
            power = spectrum.real.square() + spectrum.imag.square()
            return (((self.mel @ power + 1e-5).log() + 4.5) / 5).transpose(1, 2)

    def to_32_khz(self, wave: Tensor) -> Tensor:
        """Double the sampling rate `[B x T]` -> `[B x 2T]` as `scipy.signal.resample_poly(wave, 2, 1)` does."""
        # A product with windows is several times faster than a convolution of one channel.
        between = F.pad(wave, (_REACH // 2 - 1, _REACH // 2)).unfold(-1, _REACH, 1) @ self.half_band
        return torch.stack([wave * self.middle, between], dim=-1).flatten(1)


def mn04_mel_filters() -> Tensor:
    """Triangles on the mel scale 1127·ln(1 + f/700), 0 to 15 kHz, `[128 x 513]`; none reaches the Nyquist bin."""
    highest = 1127 * math.log1p(HIGHEST_HZ / 700)
    edges = torch.linspace(0.0, highest, MEL_BANDS + 2, dtype=torch.float64, device="cpu")
    hz = torch.arange(FFT // 2, dtype=torch.float64, device="cpu") * RATE_HZ / FFT
    mel = 1127 * torch.log1p(hz / 700)
    left, centre, right = (edges[i : i + MEL_BANDS, None] for i in range(3))
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
    offsets = np.arange(-_REACH, _REACH + 1)
    taps = np.sinc(offsets / 2) * np.kaiser(len(offsets), 5.0)
    taps *= 2 / taps.sum()
    return torch.from_numpy(taps[1::2]).float(), float(taps[_REACH])
