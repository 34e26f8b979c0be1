"""The recordings of a distillation: crops of equal length from folders, at varying speed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from stridor.audio.files import SAMPLE_RATE_HZ, read_clip
from stridor.audio.mixing import fit_length
from stridor.common.errors import StridorError
from stridor.data.names import AUDIO_SUFFIXES

# Decoding is the most expensive step; this many bytes of 16-bit samples are kept in memory.
_CACHE_BYTES = 2 * 2**30
_SLOWEST, _FASTEST = 0.75, 1.35
# A quieter crop is digital silence, which is not useful for training.
_SILENT = 1e-5
_TRIES = 32


class Recordings:
    """Groups of recordings; all groups are drawn equally often, whatever their number of recordings.

    Parameters
    ----------
    groups : sequence of sequence of Path
        Audio files.
    """

    def __init__(self, groups: Sequence[Sequence[Path]]) -> None:
        self.groups = [list(group) for group in groups]
        self._cache: dict[Path, np.ndarray] = {}
        self._cache_left = _CACHE_BYTES

    @classmethod
    def from_folders(cls, folders: Sequence[Path]) -> Self:
        """Collect the audio files of folders and their subfolders.

        Raises
        ------
        StridorError
            If a folder is missing or contains no audio file.
        """
        return cls([audio_files(folder) for folder in folders])

    @property
    def files(self) -> list[Path]:
        """All files, group by group."""
        return [file for group in self.groups for file in group]

    def crop(self, rng: np.random.Generator, samples: int) -> np.ndarray:
        """Return a random crop of a random recording, played at 0.75 to 1.35 of its speed.

        Speed changes pitch and rhythm together, as in a machine that runs faster. With a single speed per recording,
        the student would learn the recordings instead of the sounds.

        Parameters
        ----------
        rng : Generator
            Determines recording, position and speed.
        samples : int
            Length T of the crop; shorter recordings are repeated.

        Returns
        -------
        array [T], float32, 16 kHz
        """
        speed = _SLOWEST * (_FASTEST / _SLOWEST) ** rng.random()
        length = next_fast_len(round(samples * speed), real=True)
        for _ in range(_TRIES):
            group = self.groups[rng.integers(len(self.groups))]
            wave = self._read(group[rng.integers(len(group))])
            start = rng.integers(max(1, len(wave) - length + 1))
            cut = wave[start : start + length] if length <= len(wave) else fit_length(wave, length, start)
            cut = cut.astype(np.float32) / 32767
            if np.sqrt(np.mean(np.square(cut))) > _SILENT:
                break
        return resample(cut, samples)

    def _read(self, path: Path) -> np.ndarray:
        """Return the 16-bit samples `[T]`."""
        if path in self._cache:
            return self._cache[path]
        wave = np.rint(np.clip(read_clip(path), -1, 1) * 32767).astype(np.int16)
        if wave.nbytes <= self._cache_left:
            self._cache[path] = wave
            self._cache_left -= wave.nbytes
        return wave


def resample(wave: np.ndarray, samples: int) -> np.ndarray:
    """Resample a wave to `samples` samples by truncating or padding its spectrum.

    Parameters
    ----------
    wave : float32 array [T]

    Returns
    -------
    float32 array [samples]
    """
    spectrum = rfft(wave)
    bins = samples // 2 + 1
    fitted = np.zeros(bins, dtype=spectrum.dtype)
    count = min(bins, len(spectrum))
    fitted[:count] = spectrum[:count]
    return irfft(fitted, samples) * np.float32(samples / len(wave))


def audio_files(folder: Path) -> list[Path]:
    """Return the audio files of a folder and its subfolders, sorted by path.

    Raises
    ------
    StridorError
        If the folder is missing or contains none.
    """
    if not folder.is_dir():
        raise StridorError(f"{folder} is not a folder; give a folder with recordings.")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        kinds = ", ".join(sorted(AUDIO_SUFFIXES))
        raise StridorError(f"{folder} contains no audio file ({kinds}); give a folder with recordings.")
    return found


def draw_batch(recordings: Recordings, rng: np.random.Generator, clips: int, seconds: float) -> np.ndarray:
    """Return crops `[B x T]`, float32."""
    return np.stack([recordings.crop(rng, round(seconds * SAMPLE_RATE_HZ)) for _ in range(clips)])
