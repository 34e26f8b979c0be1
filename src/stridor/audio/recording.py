"""An open recording: read block by block, as one channel, and resampled to 16 kHz."""

import io
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import soundfile as sf

from stridor.common.errors import StridorError

SAMPLE_RATE_HZ = 16000

# Larger values than the largest 32-bit sample are not a recording, and the power of a frame may overflow.
_LARGEST_SAMPLE = 2.0**31
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 2000, 768000
# The resampling filter has one row per output phase; for rates without a common divisor it would take gigabytes.
_LARGEST_FILTER = 2**24
_VALUES_PER_BLOCK = 2**19
# Decoders report an absurd length when the header does not contain it.
_LONGEST_FRAMES = 2**40
# A program that writes to a pipe does not know the length and stores roughly the largest possible number.
_STREAMED_BYTES = 0x7FFF0000
_DATA_SIZES = re.compile(r"^\s*(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)


@contextmanager
def open_recording(
    source: Path | str | BinaryIO, channel: int | Literal["mean"] = "mean", name: str = "the recording"
) -> Iterator["Recording"]:
    """Open a recording.

    Parameters
    ----------
    source : Path, str or binary file
        Any format that libsndfile reads, recognised by content, not by extension. A binary file is read from its start.
    channel : int or "mean"
        Index of the channel to take, or the mean of all. The mean of channels in opposite phase is silence.
    name : str
        Name of a binary file in messages; ignored for a path.

    Raises
    ------
    StridorError
        If it is missing, empty, not audio, or contains no samples.
    """
    if isinstance(source, Path | str):
        # libsndfile reads a descriptor faster than it calls back into Python.
        with _regular_file(source) as file, _open(file.fileno(), str(source)) as sound:
            yield Recording(sound, channel, str(source))
    else:
        with _open(source if source.seekable() else io.BytesIO(source.read()), name) as sound:
            yield Recording(sound, channel, name)


class Recording:
    """A recording that `open_recording` has opened.

    Attributes
    ----------
    name : str
    sample_rate_hz, channels : int
    frames : int
        What the header says.
    """

    def __init__(self, sound: sf.SoundFile, channel: int | Literal["mean"], name: str) -> None:
        self._sound, self._channel, self.name = sound, channel, name
        self.sample_rate_hz, self.channels, self.frames = sound.samplerate, sound.channels, sound.frames

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the samples of one channel, float32 [T_i] at the file's rate, a few megabytes at a time.

        Integer samples are scaled to [-1, 1]; float samples are not rescaled or clipped. A file that is shorter than
        its header says is read up to its end, with a warning.

        Raises
        ------
        StridorError
            If the recording is damaged, has no such channel, or contains NaN, infinite or absurdly large samples.
        """
        channel, name = self._channel, self.name
        if channel != "mean" and not 0 <= channel < self.channels:
            raise StridorError(
                f"{name} has no channel {channel}; its channels are 0 to {self.channels - 1}, set audio.channel "
                "to one of them or to 'mean'."
            )
        # Block by block, so that neither a wrong length in the header nor many channels cost memory.
        block_frames = max(1, _VALUES_PER_BLOCK // self.channels)
        found = 0
        try:
            while len(block := self._sound.read(block_frames, dtype="float32", always_2d=True)):
                wave = block.mean(axis=1) if channel == "mean" else block[:, channel].copy()
                # The comparison is false for NaN too.
                if not np.abs(wave).max() <= _LARGEST_SAMPLE:
                    raise StridorError(
                        f"{name} contains samples that are not audio (NaN or infinite); export it again."
                    )
                found += len(wave)
                yield wave
        except sf.SoundFileError as error:
            raise StridorError(f"{name} is damaged ({_reason(error)}); export it again.") from None
        if not found:
            raise StridorError(f"{name} contains no samples; record it again or remove it.")
        if found < self.frames or is_cut_short(self._sound.extra_info):
            warnings.warn(
                f"{name} is shorter than its header says; its {found / self.sample_rate_hz:.2f} s are used.",
                stacklevel=2,
            )

    def resampled(self, wave: np.ndarray) -> np.ndarray:
        """Return a part of the recording at 16 kHz, float32 [T'].

        Raises
        ------
        StridorError
            If the recording's sampling rate is unusual.
        """
        return wave if self.sample_rate_hz == SAMPLE_RATE_HZ else _resample(wave, self.sample_rate_hz, self.name)


def _regular_file(path: Path | str) -> BinaryIO:
    path = Path(path)
    try:
        if not path.exists():
            raise StridorError(f"{path} is missing; give the path of an audio file.")
        # Opening a named pipe would block forever.
        if not path.is_file():
            raise StridorError(f"{path} is not a file; give the path of an audio file.")
        return open(path, "rb")
    except OSError as error:
        raise StridorError(f"{path} cannot be opened ({error.strerror}); fix its permissions.") from None


def _open(file: int | BinaryIO, name: str) -> sf.SoundFile:
    try:
        sound = sf.SoundFile(file, closefd=False)
    # The TypeError is soundfile's when a binary file's own name ends in .raw.
    except (sf.SoundFileError, TypeError) as error:
        raise StridorError(f"{name} is not readable audio ({_reason(error)}); export it as WAV.") from None
    if 0 < sound.frames < _LONGEST_FRAMES:
        return sound
    frames = sound.frames
    sound.close()
    if frames <= 0:
        raise StridorError(f"{name} contains no samples; record it again or remove it.")
    raise StridorError(f"The header of {name} does not contain its length; convert it to WAV.")


def _reason(error: Exception) -> str:
    return getattr(error, "error_string", str(error)).rstrip(".")


def is_cut_short(log: str) -> bool:
    """Return whether, by libsndfile's log, a WAV or AIFF file contains less than its header says."""
    sizes = _DATA_SIZES.search(log)
    return sizes is not None and int(sizes[2]) < int(sizes[1]) < _STREAMED_BYTES


def _resample(wave: np.ndarray, rate_hz: int, name: str) -> np.ndarray:
    divisor = math.gcd(rate_hz, SAMPLE_RATE_HZ)
    filter_size = (rate_hz // divisor) * (SAMPLE_RATE_HZ // divisor)
    if not _LOWEST_RATE_HZ <= rate_hz <= _HIGHEST_RATE_HZ or filter_size > _LARGEST_FILTER:
        raise StridorError(
            f"{name} has an unusual sampling rate of {rate_hz} Hz; convert it to {SAMPLE_RATE_HZ} Hz first."
        )
    # torch takes seconds to import, and clips at 16 kHz do not need it.
    import torch

    from stridor.audio._torchaudio import torchaudio

    return torchaudio.functional.resample(torch.from_numpy(wave), rate_hz, SAMPLE_RATE_HZ).numpy()
