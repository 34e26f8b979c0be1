"""Reading and writing of audio files: every recording becomes one channel at 16 kHz, or an error that names it."""

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import soundfile as sf

from stridor.audio.channels import SAMPLE_RATE_HZ, channel_blocks, resampled
from stridor.audio.opening import open_sound
from stridor.common.atomic import atomic_file


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
        blocks = list(channel_blocks(recording, channel, longest_seconds))
        wave = np.concatenate(blocks) if len(blocks) > 1 else blocks[0]
        return resampled(wave, recording)


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
