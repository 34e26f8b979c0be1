"""Audio files in and out: every recording becomes one channel at 16 kHz, or is refused by name."""

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

# Beyond the largest 32-bit sample nothing is a recording, and the power of a frame may overflow.
_LARGEST_SAMPLE = 2.0**31
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 2000, 768000
# The resampling filter has a row per output phase; rates without a common divisor would fill gigabytes.
_LARGEST_FILTER = 2**24
_VALUES_PER_BLOCK = 2**21
# Decoders report an absurd length when a header does not say it.
_LONGEST_FRAMES = 2**40
# A pipe cannot know its length and writes about the largest number there is.
_STREAMED_BYTES = 0x7FFF0000
_DATA_SIZES = re.compile(r"^\s*(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says; `seconds` and `frames` are at the file's own sampling rate."""

    seconds: float
    sample_rate_hz: int
    channels: int
    frames: int


def probe(path: Path) -> AudioInfo:
    """Read a file's header.

    Raises
    ------
    StridorError
        If the file is missing, empty, no audio, or holds no samples.
    """
    with _regular_file(path) as file, _open(file.fileno(), str(path)) as sound:
        return AudioInfo(sound.frames / sound.samplerate, sound.samplerate, sound.channels, sound.frames)


def read_clip(
    source: Path | str | BinaryIO, channel: int | Literal["mean"] = "mean", name: str = "the recording"
) -> np.ndarray:
    """Read a recording as one channel at 16 kHz.

    Integer samples are scaled to [-1, 1]; float samples stay as they are, also beyond it. A file that ends
    before its header says so is read for what it holds, with a warning.

    Parameters
    ----------
    source : Path, str or binary file
        Any format that libsndfile reads, told by content, not by extension; a binary file from its start.
    channel : int or "mean"
        Index of the channel to take, or the mean of all. The mean of channels in opposite phase is silence.
    name : str
        What messages call a binary file; a path is called by itself.

    Returns
    -------
    wave : float32 array [T], 16 kHz

    Raises
    ------
    StridorError
        If the recording cannot be read, has no such channel, or holds NaN, infinite or absurd samples.

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
            wave, rate_hz = _one_channel(sound, channel, name), sound.samplerate
    else:
        with _open(source if source.seekable() else io.BytesIO(source.read()), name) as sound:
            wave, rate_hz = _one_channel(sound, channel, name), sound.samplerate
    # The comparison is false for NaN too.
    if not np.abs(wave).max() <= _LARGEST_SAMPLE:
        raise StridorError(f"{name} holds samples that are no audio (NaN or infinite); export it again.")
    return wave if rate_hz == SAMPLE_RATE_HZ else _resample(wave, rate_hz, name)


def write_clip(path: Path, wave: np.ndarray) -> None:
    """Write a clip as WAV, PCM_16, mono, 16 kHz; whole or not at all.

    A sample becomes the nearest of x * 32768, halves going to the even number, and +1.0 becomes 32767. What
    `read_clip` read from such a file is written back bit for bit, and equal waves give equal bytes.

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
    with atomic_file(Path(path)) as beside:
        beside.write_bytes(encoded.getvalue())


def _regular_file(path: Path | str) -> BinaryIO:
    path = Path(path)
    try:
        if not path.exists():
            raise StridorError(f"{path} is missing; give the path of an audio file.")
        # A named pipe would block for ever.
        if not path.is_file():
            raise StridorError(f"{path} is no file; give the path of an audio file.")
        return open(path, "rb")
    except OSError as error:
        raise StridorError(f"{path} cannot be opened ({error.strerror}); mend its permission.") from None


def _open(file: int | BinaryIO, name: str) -> sf.SoundFile:
    try:
        sound = sf.SoundFile(file, closefd=False)
    # The TypeError is soundfile's when a binary file's own name ends in .raw.
    except (sf.SoundFileError, TypeError) as error:
        raise StridorError(f"{name} is no readable audio ({_reason(error)}); export it as WAV.") from None
    if 0 < sound.frames < _LONGEST_FRAMES:
        return sound
    frames = sound.frames
    sound.close()
    if frames <= 0:
        raise StridorError(f"{name} holds no samples; record it again or remove it.")
    raise StridorError(f"{name} does not say in its header how long it is; convert it to WAV.")


def _one_channel(sound: sf.SoundFile, channel: int | Literal["mean"], name: str) -> np.ndarray:
    if channel != "mean" and not 0 <= channel < sound.channels:
        raise StridorError(
            f"{name} has no channel {channel}; its channels are 0 to {sound.channels - 1}, set audio.channel "
            "to one of them or to 'mean'."
        )
    # Block by block, so that a header that lies about the length or many channels cost no memory.
    block_frames = max(1, _VALUES_PER_BLOCK // sound.channels)
    blocks = []
    try:
        while len(block := sound.read(block_frames, dtype="float32", always_2d=True)):
            blocks.append(block.mean(axis=1) if channel == "mean" else block[:, channel].copy())
    except sf.SoundFileError as error:
        raise StridorError(f"{name} is damaged ({_reason(error)}); export it again.") from None
    if not blocks:
        raise StridorError(f"{name} holds no samples; record it again or remove it.")
    wave = np.concatenate(blocks) if len(blocks) > 1 else blocks[0]
    if len(wave) < sound.frames or is_cut_short(sound.extra_info):
        warnings.warn(
            f"{name} ends before its header says so; its {len(wave) / sound.samplerate:.2f} s are used.",
            stacklevel=3,
        )
    return wave


def _reason(error: Exception) -> str:
    return getattr(error, "error_string", str(error)).rstrip(".")


def is_cut_short(log: str) -> bool:
    """Tell from libsndfile's log whether a WAV or AIFF file holds less than its header says."""
    sizes = _DATA_SIZES.search(log)
    return sizes is not None and int(sizes[2]) < int(sizes[1]) < _STREAMED_BYTES


def _resample(wave: np.ndarray, rate_hz: int, name: str) -> np.ndarray:
    divisor = math.gcd(rate_hz, SAMPLE_RATE_HZ)
    filter_size = (rate_hz // divisor) * (SAMPLE_RATE_HZ // divisor)
    if not _LOWEST_RATE_HZ <= rate_hz <= _HIGHEST_RATE_HZ or filter_size > _LARGEST_FILTER:
        raise StridorError(
            f"{name} has an unusual sampling rate of {rate_hz} Hz; convert it to {SAMPLE_RATE_HZ} Hz first."
        )
    # torch takes seconds to import, and clips of the right rate do without it.
    import torch

    from stridor.audio._torchaudio import torchaudio

    return torchaudio.functional.resample(torch.from_numpy(wave), rate_hz, SAMPLE_RATE_HZ).numpy()
