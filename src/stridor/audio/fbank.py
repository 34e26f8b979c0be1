"""The Kaldi filter bank that BEATs uses, computed for whole batches."""

import math

import torch
from torch import Tensor, nn

from stridor.audio.files import SAMPLE_RATE_HZ

FRAME_SAMPLES = 400
HOP_SAMPLES = 160
FFT_SAMPLES = 512
MEL_BANDS = 128
# Mean and twice the standard deviation of log-mel values over AudioSet, as BEATs normalises them.
NORMAL_MEAN = 15.41663
NORMAL_SCALE = 2 * 6.55582
# One unit of the normalised scale, in decibels of power.
DECIBELS_PER_UNIT = NORMAL_SCALE * 10 / math.log(10)


def frame_counts(lengths: Tensor) -> Tensor:
    """Return the number of frames of clips of the given lengths in samples; only whole frames count ("snip edges")."""
    return torch.where(lengths < FRAME_SAMPLES, 0, 1 + (lengths - FRAME_SAMPLES) // HOP_SAMPLES)


class Fbank(nn.Module):
    """Batched log-mel energies, equal to `torchaudio.compliance.kaldi.fbank` with BEATs' settings.

    25 ms Povey window, 10 ms shift, 128 mel bands from 20 Hz to 8 kHz, pre-emphasis 0.97, DC removal per
    frame, power spectrum, natural logarithm with the float32 epsilon as its floor, no dither. The result is
    normalised as (x - 15.41663) / (2 · 6.55582) (Chen et al., "BEATs: Audio Pre-Training with Acoustic
    Tokenizers", ICML 2023).
    """

    window: Tensor
    mel: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Computed where values are, also when a model without values is made to look at its shapes: for tensors
        # without values PyTorch imports its compiler, which takes two seconds.
        window = torch.hann_window(FRAME_SAMPLES, periodic=False, dtype=torch.float32, device="cpu").pow(0.85)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("mel", mel_filters(), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Turn waves into normalised log-mel images.

        Parameters
        ----------
        wave : Tensor[B x T]
            16 kHz, in [-1, 1]. Each frame depends only on its own 400 samples, so padding after a clip
            never changes the clip's frames.

        Returns
        -------
        Tensor[B x frames x 128]
        """
        # Mixed precision would round the energies to 8 bits before the logarithm.
        with torch.autocast(wave.device.type, enabled=False):
            return self._log_mel(wave)

    def _log_mel(self, wave: Tensor) -> Tensor:
        frames = (wave * 2**15).unfold(-1, FRAME_SAMPLES, HOP_SAMPLES)
        frames = frames - frames.mean(dim=-1, keepdim=True)
        before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
        frames = (frames - 0.97 * before) * self.window
        spectrum = torch.fft.rfft(frames, n=FFT_SAMPLES)
        # The square of abs() has a square root on its way, which takes a third of this function's time.
        power = spectrum.real.square() + spectrum.imag.square()
        log_mel = (power @ self.mel).clamp_min(torch.finfo(torch.float32).eps).log()
        return (log_mel - NORMAL_MEAN) / NORMAL_SCALE


def mel_filters() -> Tensor:
    """Kaldi's triangular filters on the mel scale 1127·ln(1 + f/700), unnormalised.

    Returns
    -------
    Tensor[257 x 128]
        From FFT bins to bands; the Nyquist bin belongs to no band, as in Kaldi.
    """
    low, high = (1127.0 * math.log1p(hz / 700.0) for hz in (20.0, SAMPLE_RATE_HZ / 2))
    step = (high - low) / (MEL_BANDS + 1)
    left = low + step * torch.arange(MEL_BANDS, dtype=torch.float64, device="cpu")
    hz = torch.arange(FFT_SAMPLES // 2, dtype=torch.float64, device="cpu") * SAMPLE_RATE_HZ / FFT_SAMPLES
    mel = 1127.0 * torch.log1p(hz / 700.0)[:, None]
    rising, falling = (mel - left) / step, (left + 2 * step - mel) / step
    filters = torch.minimum(rising, falling).clamp_min(0).float()
    return torch.cat([filters, filters.new_zeros(1, MEL_BANDS)])
