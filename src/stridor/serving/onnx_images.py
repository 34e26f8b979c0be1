"""Images of waves by operations that the tracer can follow for any length: those of `Fbank` and of `Mn04Image`."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stridor.audio import mn04_image
from stridor.audio.fbank import FFT_SAMPLES, FRAME_SAMPLES, HOP_SAMPLES, NORMAL_MEAN, NORMAL_SCALE, Fbank


class Frames(nn.Module):
    """Power spectra of frames; a convolution cuts these, and their Fourier transform is two matrix products."""

    def __init__(self, samples: int, hop: int, fft_samples: int) -> None:
        super().__init__()
        self.hop = hop
        identity = torch.eye(samples)
        spectrum = torch.fft.rfft(identity, n=fft_samples)
        self.register_buffer("one_by_one", identity[:, None])
        self.register_buffer("cosines", spectrum.real.contiguous())
        self.register_buffer("sines", spectrum.imag.contiguous())

    def cut(self, wave: Tensor) -> Tensor:
        """Return the frames of a wave `[1 x T]`, `[1 x frames x samples]`."""
        return F.conv1d(wave[:, None], cast(Tensor, self.one_by_one), stride=self.hop).transpose(1, 2)

    def power(self, frames: Tensor) -> Tensor:
        """Return the power spectra of frames."""
        return (frames @ cast(Tensor, self.cosines)).square() + (frames @ cast(Tensor, self.sines)).square()


class TraceableFbank(nn.Module):
    """What `Fbank` computes."""

    def __init__(self) -> None:
        super().__init__()
        self.fbank = Fbank()
        self.frames = Frames(FRAME_SAMPLES, HOP_SAMPLES, FFT_SAMPLES)

    def forward(self, wave: Tensor) -> Tensor:
        """Turn a wave `[1 x T]` into its image `[1 x frames x 128]`."""
        frames = self.frames.cut(wave * 2**15)
        frames = frames - frames.mean(dim=-1, keepdim=True)
        before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
        power = self.frames.power((frames - 0.97 * before) * self.fbank.window)
        log_mel = (power @ self.fbank.mel).clamp_min(torch.finfo(torch.float32).eps).log()
        return (log_mel - NORMAL_MEAN) / NORMAL_SCALE


class TraceableMn04Image(nn.Module):
    """What `Mn04Image` computes, with as many frames as `Fbank` has."""

    def __init__(self) -> None:
        super().__init__()
        self.image = mn04_image.Mn04Image()
        self.frames = Frames(mn04_image.WINDOW, mn04_image.HOP, mn04_image.FFT)
        self.register_buffer("between", self.image.half_band[None, None])

    def forward(self, wave: Tensor) -> Tensor:
        """Turn a wave `[1 x T]` into its image `[1 x frames x 128]`."""
        count = (wave.shape[1] - FRAME_SAMPLES) // HOP_SAMPLES + 1
        taps = cast(Tensor, self.between)
        reach = taps.shape[-1] // 2
        between = F.conv1d(F.pad(wave, (reach - 1, reach))[:, None], taps)[:, 0]
        wave = torch.stack([wave * self.image.middle, between], dim=-1).flatten(1)
        wave = wave[:, 1:] - 0.97 * wave[:, :-1]
        # Of a frame of the transform's length around every place, only the window in its middle counts.
        reach = mn04_image.WINDOW // 2
        frames = self.frames.cut(F.pad(wave[:, None], (reach, reach), mode="reflect")[:, 0]) * self.image.window
        mel = (self.frames.power(frames) @ self.image.mel.T + 1e-5).log()
        return ((mel + 4.5) / 5)[:, :count]
