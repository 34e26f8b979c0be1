"""Reading and writing of audio files: every recording becomes one channel at 16 kHz, or an error that names it."""

import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import soundfile as sf

from stridor.audio.opening import OpenSound, open_sound
from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError

SAMPLE_RATE_HZ = 16000

# Larger values than the largest 32-bit sample are not a recording, and the power of a frame may overflow.
_LARGEST_SAMPLE = 2.0**31
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 2000, 768000
# The resampling filter has one row per output phase; for rates without a common divisor it would take gigabytes.
_LARGEST_FILTER = 2**24
_VALUES_PER_BLOCK = 2**21
# Of torchaudio's windowed sinc: as long as that of resampy's `kaiser_best`, with the cut-off and the window chosen so
# that it is flat to 7 kHz and lets nothing through above 8 kHz (-110 dB).
_RESAMPLER = {"lowpass_filter_width": 64, "rolloff": 0.9375, "beta": 11.0, "resampling_method": "sinc_interp_kaiser"}


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
    with open_sound(path) as recording:
        sound = recording.sound
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
    with open_sound(source, name) as recording:
        wave, rate_hz = _one_channel(recording, channel, longest_seconds), recording.sound.samplerate
        name = recording.name
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


def _one_channel(recording: OpenSound, channel: int | Literal["mean"], longest_seconds: float) -> np.ndarray:
    sound, name = recording.sound, recording.name
    _check_length(sound.frames, sound, name, longest_seconds)
    if channel != "mean" and not 0 <= channel < sound.channels:
        raise StridorError(
            f"{name} has no channel {channel}; its channels are 0 to {sound.channels - 1}, set audio.channel "
            "to one of them or to 'mean'."
        )
    # Block by block, so that neither a wrong length in the header nor many channels cost memory.
    block_frames = max(1, _VALUES_PER_BLOCK // sound.channels)
    blocks, frames = [], 0
    while len(block := recording.read(block_frames)):
        frames += len(block)
        _check_length(frames, sound, name, longest_seconds)
        blocks.append(block.mean(axis=1) if channel == "mean" else block[:, channel].copy())
    if not blocks:
        raise StridorError(f"{name} contains no samples; record it again or remove it.")
    wave = np.concatenate(blocks) if len(blocks) > 1 else blocks[0]
    seconds = len(wave) / sound.samplerate
    if recording.is_unfinished:
        warnings.warn(
            f"The header of {name} was never finished and says that it is empty; the {seconds:.2f} s that follow are "
            "used.",
            stacklevel=3,
        )
    elif len(wave) < sound.frames or recording.is_cut_short:
        warnings.warn(f"{name} is shorter than its header says; its {seconds:.2f} s are used.", stacklevel=3)
    return wave


def _check_length(frames: int, sound: sf.SoundFile, name: str, longest_seconds: float) -> None:
    if frames > longest_seconds * sound.samplerate:
        raise StridorError(
            f"{name} lasts {frames / sound.samplerate:.0f} s or more, and at most {longest_seconds:g} s are taken; cut "
            "it into shorter recordings."
        )


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

    return torchaudio.functional.resample(torch.from_numpy(wave), rate_hz, SAMPLE_RATE_HZ, **_RESAMPLER).numpy()
