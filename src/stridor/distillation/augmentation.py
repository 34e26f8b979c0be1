"""What is done to a batch of crops before teacher and student hear it: the same for both."""

import torch
from torch import Tensor, nn

from stridor.audio.files import SAMPLE_RATE_HZ

# Keeps ratios of powers finite where a crop is silent.
_TINY_POWER = 1e-12


class Mix(nn.Module):
    """Mix most of the clips with another one of the batch.

    *Why*: few recordings become many sounds, and machines are never heard alone: the student has to keep
    two things apart that sound at once. Some clips stay alone, as clean recordings occur too.

    Parameters
    ----------
    share : float
        Of clips that are mixed.
    low_db, high_db : float
        Range of the level of a clip above the one mixed into it.
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

    *Why*: cheap microphones hiss and halls rumble; what a machine does must be heard through both.

    Parameters
    ----------
    share : float
        Of clips that get noise.
    low_db, high_db : float
        Range of the signal-to-noise ratio.
    """

    def __init__(self, share: float = 0.5, low_db: float = 0.0, high_db: float = 40.0) -> None:
        super().__init__()
        self.share, self.low_db, self.high_db = share, low_db, high_db

    def forward(self, wave: Tensor, rng: torch.Generator) -> Tensor:
        """Add noise to `[B x T]`."""
        hz = _frequencies(wave)
        # White noise has the same expected magnitude in every bin; pink falls by 3 dB an octave.
        colour = _uniform(wave, rng, 0.0, 0.5)
        parts = torch.randn(len(wave), len(hz), 2, generator=rng, device=wave.device, dtype=wave.dtype)
        noise = torch.fft.irfft(torch.view_as_complex(parts) * hz**-colour, n=wave.shape[-1])
        snr_db = _uniform(wave, rng, self.low_db, self.high_db)
        noisy = _chance(wave, rng, self.share)
        return wave + noisy * (_power(wave) / _power(noise)).sqrt() * _gain(-snr_db) * noise


class Tilt(nn.Module):
    """Tilt the spectrum of every clip around 1 kHz.

    *Why*: microphone, distance and walls colour the same machine differently (source and target domain); what
    the student says should change as little as what the teacher says.

    Parameters
    ----------
    largest_db : float
        Per octave, to either side.
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
    """Turn every clip in time, its end going before its start.

    *Why*: recordings that start with their event (a bark, a knock) would tie sounds to places in the clip.
    """

    def forward(self, wave: Tensor, rng: torch.Generator) -> Tensor:
        """Roll `[B x T]`."""
        samples = wave.shape[-1]
        shifts = torch.randint(samples, (len(wave), 1), generator=rng, device=wave.device)
        return wave.gather(1, (torch.arange(samples, device=wave.device) + shifts) % samples)


class Level(nn.Module):
    """Bring every clip to a random level over 40 dB, never beyond full scale.

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
    """All of it in turn; two clips at least, all of one length."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([Mix(), Noise(), Tilt(), Roll(), Level()])

    @torch.no_grad()
    def forward(self, wave: Tensor, seed: int) -> Tensor:
        """Roughen a batch.

        Parameters
        ----------
        wave : Tensor[B x T]
            16 kHz.
        seed : int
            The same seed does the same on the same kind of device.

        Returns
        -------
        Tensor[B x T], in [-1, 1]
        """
        rng = torch.Generator(wave.device).manual_seed(seed)
        for part in self.parts:
            wave = part(wave, rng)
        return wave


def _uniform(wave: Tensor, rng: torch.Generator, low: float, high: float) -> Tensor:
    """Draw a number per clip `[B x 1]`."""
    drawn = torch.rand(len(wave), 1, generator=rng, device=wave.device, dtype=wave.dtype)
    return low + (high - low) * drawn


def _chance(wave: Tensor, rng: torch.Generator, share: float) -> Tensor:
    """Draw 1 for a share of the clips, else 0, `[B x 1]`."""
    return (_uniform(wave, rng, 0.0, 1.0) < share).to(wave.dtype)


def _gain(db: Tensor) -> Tensor:
    return 10.0 ** (db / 20.0)


def _power(wave: Tensor) -> Tensor:
    return wave.square().mean(dim=-1, keepdim=True).clamp_min(_TINY_POWER)


def _frequencies(wave: Tensor) -> Tensor:
    """Frequencies of the spectrum's bins, at least 20 Hz: no colour is meant for what nobody hears."""
    bins = wave.shape[-1] // 2 + 1
    return torch.linspace(0.0, SAMPLE_RATE_HZ / 2, bins, device=wave.device, dtype=wave.dtype).clamp_min(20.0)
