"""Augmentation of a batch of crops, the same for teacher and student."""

import torch
from torch import Tensor, nn

from stridor.audio.files import SAMPLE_RATE_HZ

# Keeps ratios of powers finite where a crop is silent.
_TINY_POWER = 1e-12


class Mix(nn.Module):
    """Mix most of the clips with another one of the batch.

    *Why*: this makes many sounds of few recordings, and machines are rarely recorded alone, so the student has to
    represent simultaneous sounds. Some clips stay unmixed, as clean recordings occur too.

    Parameters
    ----------
    share : float
        Share of the clips that are mixed.
    low_db, high_db : float
        Range of the level of a clip relative to the one mixed into it.
    """

    def __init__(self, share: float = 0.7, low_db: float = -10.0, high_db: float = 15.0) -> None:
        super().__init__()
        self.share, self.low_db, self.high_db = share, low_db, high_db

    def forward(self, wave: Tensor, rng: torch.Generator) -> Tensor:
        """Mix `[B x T]`."""
        other = wave.roll(1, dims=0)
        snr_db = _uniform(wave, rng, self.low_db, self.high_db)
        mixed = _chance(wave, rng, self.share)
        return wave + mixed * (_power(wave) / _power(other)).sqrt() * _gain(-snr_db) * other


class Noise(nn.Module):
    """Add noise of a random colour between white and pink to half of the clips.

    *Why*: cheap microphones hiss and factory halls rumble; machines must be recognised in both.

    Parameters
    ----------
    share : float
        Share of the clips that get noise.
    low_db, high_db : float
        Range of the signal-to-noise ratio.
    """

    def __init__(self, share: float = 0.5, low_db: float = 0.0, high_db: float = 40.0) -> None:
        super().__init__()
        self.share, self.low_db, self.high_db = share, low_db, high_db

    def forward(self, wave: Tensor, rng: torch.Generator) -> Tensor:
        """Add noise to `[B x T]`."""
        hz = _frequencies(wave)
        # White noise has the same expected magnitude in every bin; that of pink noise falls by 3 dB per octave.
        colour = _uniform(wave, rng, 0.0, 0.5)
        parts = torch.randn(len(wave), len(hz), 2, generator=rng, device=wave.device, dtype=wave.dtype)
        noise = torch.fft.irfft(torch.view_as_complex(parts) * hz**-colour, n=wave.shape[-1])
        snr_db = _uniform(wave, rng, self.low_db, self.high_db)
        noisy = _chance(wave, rng, self.share)
        return wave + noisy * (_power(wave) / _power(noise)).sqrt() * _gain(-snr_db) * noise


class Tilt(nn.Module):
    """Tilt the spectrum of every clip around 1 kHz.

    *Why*: microphone, distance and walls colour the same machine differently (source and target domain); the
    student's embedding should change as little as the teacher's.

    Parameters
    ----------
    largest_db : float
        Largest slope per octave, in both directions.
    """

    def __init__(self, largest_db: float = 3.0) -> None:
        super().__init__()
        self.largest_db = largest_db

    def forward(self, wave: Tensor, rng: torch.Generator) -> Tensor:
        """Tilt `[B x T]`."""
        slope_db = _uniform(wave, rng, -self.largest_db, self.largest_db)
        octaves = (_frequencies(wave) / 1000.0).log2()
        return torch.fft.irfft(torch.fft.rfft(wave) * _gain(slope_db * octaves), n=wave.shape[-1])


class Roll(nn.Module):
    """Shift every clip in time cyclically.

    *Why*: recordings that start with their event (a bark, a knock) would link sounds to positions in the clip.
    """

    def forward(self, wave: Tensor, rng: torch.Generator) -> Tensor:
        """Roll `[B x T]`."""
        samples = wave.shape[-1]
        shifts = torch.randint(samples, (len(wave), 1), generator=rng, device=wave.device)
        return wave.gather(1, (torch.arange(samples, device=wave.device) + shifts) % samples)


class Level(nn.Module):
    """Scale every clip to a random level in a range of 40 dB, never beyond full scale.

    *Why*: the log-mel image shifts with the gain of the recording, which says nothing about the machine.

    Parameters
    ----------
    low_db, high_db : float
        Range of the root mean square, in dB of full scale.
    """

    def __init__(self, low_db: float = -50.0, high_db: float = -10.0) -> None:
        super().__init__()
        self.low_db, self.high_db = low_db, high_db

    def forward(self, wave: Tensor, rng: torch.Generator) -> Tensor:
        """Scale `[B x T]`."""
        level = _gain(_uniform(wave, rng, self.low_db, self.high_db)) / _power(wave).sqrt()
        peak = wave.abs().amax(dim=-1, keepdim=True).clamp_min(_TINY_POWER)
        return wave * torch.minimum(level, 1.0 / peak)


class Augmentation(nn.Module):
    """All augmentations in sequence, for at least two clips of the same length."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([Mix(), Noise(), Tilt(), Roll(), Level()])

    @torch.no_grad()
    def forward(self, wave: Tensor, seed: int) -> Tensor:
        """Augment a batch.

        Parameters
        ----------
        wave : Tensor[B x T]
            16 kHz.
        seed : int
            The same seed gives the same result on the same kind of device.

        Returns
        -------
        Tensor[B x T], in [-1, 1]
        """
        rng = torch.Generator(wave.device).manual_seed(seed)
        for part in self.parts:
            wave = part(wave, rng)
        return wave


def _uniform(wave: Tensor, rng: torch.Generator, low: float, high: float) -> Tensor:
    """Draw a uniform number for each clip, `[B x 1]`."""
    drawn = torch.rand(len(wave), 1, generator=rng, device=wave.device, dtype=wave.dtype)
    return low + (high - low) * drawn


def _chance(wave: Tensor, rng: torch.Generator, share: float) -> Tensor:
    """Draw 1 with a given probability for each clip, else 0, `[B x 1]`."""
    return (_uniform(wave, rng, 0.0, 1.0) < share).to(wave.dtype)


def _gain(db: Tensor) -> Tensor:
    return 10.0 ** (db / 20.0)


def _power(wave: Tensor) -> Tensor:
    return wave.square().mean(dim=-1, keepdim=True).clamp_min(_TINY_POWER)


def _frequencies(wave: Tensor) -> Tensor:
    """Return the frequencies of the spectrum's bins, at least 20 Hz, below which the colour is constant."""
    bins = wave.shape[-1] // 2 + 1
    return torch.linspace(0.0, SAMPLE_RATE_HZ / 2, bins, device=wave.device, dtype=wave.dtype).clamp_min(20.0)
