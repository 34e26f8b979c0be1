"""Reading and writing of audio files: every recording becomes one channel at 16 kHz, or an error that names it."""

import io
import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import soundfile as sf

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError

SAMPLE_RATE_HZ = 16000

# Larger values than the largest 32-bit sample are not a recording, and the power of a frame may overflow.
_LARGEST_SAMPLE = 2.0**31
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 2000, 768000
# The resampling filter has one row per output phase; for rates without a common divisor it would take gigabytes.
_LARGEST_FILTER = 2**24
_VALUES_PER_BLOCK = 2**21
# Decoders report an absurd length when the header does not contain it.
_LONGEST_FRAMES = 2**40
# A program that writes to a pipe does not know the length and stores roughly the largest possible number.
_STREAMED_BYTES = 0x7FFF0000
_DATA_SIZES = re.compile(r"^\s*(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)


@dataclass(frozen=True)
class AudioInfo:
    """Contents of a file's header; `seconds` and `frames` are at the file's own sampling rate."""

    seconds: float
    sample_rate_hz: int
    channels: int
    frames: int


def probe(path: Path) -> AudioInfo:
    """Read a file's header.

    Raises
    ------
    StridorError
        If the file is missing, empty, not audio, or contains no samples.
    """
    with _regular_file(path) as file, _open(file.fileno(), str(path)) as sound:
        return AudioInfo(sound.frames / sound.samplerate, sound.samplerate, sound.channels, sound.frames)


def read_clip(
    source: Path | str | BinaryIO,
    channel: int | Literal["mean"] = "mean",
    name: str = "the recording",
    longest_seconds: float = math.inf,
) -> np.ndarray:
    """Read a recording as one channel at 16 kHz.

    Integer samples are scaled to [-1, 1]; float samples are not rescaled or clipped. A file
    that is shorter than its header says is read up to its end, with a warning.

    Parameters
    ----------
    source : Path, str or binary file
        Any format that libsndfile reads, recognised by content, not by extension. A binary file is read from its start.
    channel : int or "mean"
        Index of the channel to take, or the mean of all. The mean of channels in opposite phase is silence.
    name : str
        Name of a binary file in messages; ignored for a path.
    longest_seconds : float
        A longer recording is refused before it is decoded, or as soon as more has been decoded.

    Returns
    -------
    wave : float32 array [T], 16 kHz

    Raises
    ------
    StridorError
        If the recording cannot be read, is too long, has no such channel, or contains NaN, infinite or absurdly large
        samples.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> import soundfile
    >>> from stridor import read_clip
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros((48000, 2)), samplerate=48000, format="WAV")
    >>> _ = file.seek(0)
    >>> read_clip(file).shape
    (16000,)
    """
    if isinstance(source, Path | str):
        name = str(source)
        # libsndfile reads a descriptor faster than it calls back into Python.
        with _regular_file(source) as file, _open(file.fileno(), name) as sound:
            wave, rate_hz = _one_channel(sound, channel, name, longest_seconds), sound.samplerate
    else:
        with _open(source if source.seekable() else io.BytesIO(source.read()), name) as sound:
            wave, rate_hz = _one_channel(sound, channel, name, longest_seconds), sound.samplerate
    # The comparison is false for NaN too.
    if not np.abs(wave).max() <= _LARGEST_SAMPLE:
        raise StridorError(f"{name} contains samples that are not audio (NaN or infinite); export it again.")
    return wave if rate_hz == SAMPLE_RATE_HZ else _resample(wave, rate_hz, name)


def write_clip(path: Path, wave: np.ndarray) -> None:
    """Write a clip as WAV, PCM_16, mono, 16 kHz; a failed write leaves no file.

    A sample x becomes x * 32768, rounded half to even, and +1.0 becomes 32767. A wave that `read_clip` has read from
    such a file is written back bit for bit, and equal waves give equal bytes.

    Parameters
    ----------
    path : Path
    wave : float array [T], 16 kHz, in [-1, 1]

    Raises
    ------
    ValueError
        If the wave is empty, not one-dimensional, not finite or beyond full scale.
    """
    wave = np.asarray(wave)
    if wave.ndim != 1 or wave.size == 0 or not np.issubdtype(wave.dtype, np.floating):
        raise ValueError(f"{path}: expected a float array [T], T > 0, got {wave.dtype} {list(wave.shape)}")
    peak = float(np.abs(wave).max())
    if not peak <= 1:
        raise ValueError(f"{path}: the wave's peak is {peak}, beyond full scale; apply a gain before writing")
    samples = np.minimum(np.rint(wave.astype(np.float64) * 32768), 32767).astype(np.int16)
    encoded = io.BytesIO()
    sf.write(encoded, samples, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    with atomic_file(Path(path)) as temporary:
        temporary.write_bytes(encoded.getvalue())


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


def _one_channel(sound: sf.SoundFile, channel: int | Literal["mean"], name: str, longest_seconds: float) -> np.ndarray:
    _check_length(sound.frames, sound, name, longest_seconds)
    if channel != "mean" and not 0 <= channel < sound.channels:
        raise StridorError(
            f"{name} has no channel {channel}; its channels are 0 to {sound.channels - 1}, set audio.channel "
            "to one of them or to 'mean'."
        )
    # Block by block, so that neither a wrong length in the header nor many channels cost memory.
    block_frames = max(1, _VALUES_PER_BLOCK // sound.channels)
    blocks, frames = [], 0
    try:
        while len(block := sound.read(block_frames, dtype="float32", always_2d=True)):
            frames += len(block)
            _check_length(frames, sound, name, longest_seconds)
            blocks.append(block.mean(axis=1) if channel == "mean" else block[:, channel].copy())
    except sf.SoundFileError as error:
        raise StridorError(f"{name} is damaged ({_reason(error)}); export it again.") from None
    if not blocks:
        raise StridorError(f"{name} contains no samples; record it again or remove it.")
    wave = np.concatenate(blocks) if len(blocks) > 1 else blocks[0]
    if len(wave) < sound.frames or is_cut_short(sound.extra_info):
        warnings.warn(
            f"{name} is shorter than its header says; its {len(wave) / sound.samplerate:.2f} s are used.",
            stacklevel=3,
        )
    return wave


def _check_length(frames: int, sound: sf.SoundFile, name: str, longest_seconds: float) -> None:
    if frames > longest_seconds * sound.samplerate:
        raise StridorError(
            f"{name} lasts {frames / sound.samplerate:.0f} s or more, and at most {longest_seconds:g} s are taken; cut "
            "it into shorter recordings."
        )


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
