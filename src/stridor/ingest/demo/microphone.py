"""From sound to file: the colour of microphone and room, the mix at an SNR, the level, 16 bits."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from stridor.ingest.demo.settings import Settings, setting
from stridor.ingest.demo.signals import SAMPLE_RATE_HZ, gain, unit

_FULL_SCALE = 32_767


@dataclass(frozen=True)
class Microphone(Settings):
    """Settings of a microphone and of the room in which it stands."""

    unit: int = setting(0, 9999)  # number of the place, which decides its echoes
    tilt_db_per_octave: float = setting(-2.5, 2.5)  # colour, above and below 1 kHz
    low_cut_hz: float = setting(20.0, 150.0)  # below it the microphone hears nothing
    presence_hz: float = setting(600.0, 5000.0)  # where it hears more, or less
    presence_db: float = setting(-9.0, 9.0)
    room_decay_ms: float = setting(5.0, 80.0)  # time in which the echoes fall to 1/e
    room_db: float = setting(-20.0, 3.0)  # echoes against the direct sound

    def record(self, wave: np.ndarray) -> np.ndarray:
        """Return the wave as this microphone hears it in its room, ndarray[T] of unit rms."""
        size, room, colour = self._responses(wave.size)
        return unit(irfft(rfft(wave, size) * room * colour, size)[: wave.size])

    # All clips of a machine have the same length and few microphones.
    @lru_cache(maxsize=8)  # noqa: B019, they are constants of the catalogue
    def _responses(self, samples: int) -> tuple[int, np.ndarray, np.ndarray]:
        """Return the size of an FFT for a wave, and the responses of room and microphone at its frequencies."""
        decay = self.room_decay_ms / 1000.0 * SAMPLE_RATE_HZ
        echoes = np.random.default_rng(self.unit).standard_normal(int(5.0 * decay))
        echoes *= np.exp(-np.arange(echoes.size) / decay)
        room = gain(self.room_db) * echoes / np.sqrt(np.sum(echoes**2))
        room[0] += 1.0
        size = next_fast_len(samples + room.size, real=True)
        frequency_hz = np.maximum(rfftfreq(size, 1.0 / SAMPLE_RATE_HZ), 1.0)
        octaves = np.log2(frequency_hz / self.presence_hz)
        colour_db = self.tilt_db_per_octave * np.log2(frequency_hz / 1000.0)
        colour = gain(colour_db + self.presence_db * np.exp(-(octaves**2)))
        colour /= np.sqrt(1.0 + (self.low_cut_hz / frequency_hz) ** 6)
        return size, rfft(room, size), colour


def mix(machine: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Return the machine in the noise, both brought to unit rms and then `snr_db` apart; ndarray[T]."""
    return unit(machine) * gain(snr_db) + unit(noise)


def digitise(wave: np.ndarray, level_db: float, offset_steps: float) -> np.ndarray:
    """Return the wave in 16 bits.

    Parameters
    ----------
    level_db : half way between rms and peak, in dB of full scale; a fault that knocks raises the peak
        against the rms, and at this level neither of them tells it from a normal clip
    offset_steps : DC offset, in steps of the converter

    Returns
    -------
    ndarray[T], int16
    """
    wave = unit(wave)
    peak = np.max(np.abs(wave))
    if peak > 0.0:
        # Never clipped: a clip that is all peaks is recorded lower, as an engineer would.
        wave = wave * min(gain(level_db) / np.sqrt(peak), 0.98 / peak) * _FULL_SCALE
    return np.round(wave + offset_steps).astype(np.int16)
