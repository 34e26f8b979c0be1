"""The samples of an open recording: read block by block, as one channel, and resampled to 16 kHz."""

import math
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import soundfile as sf

from stridor.audio.opening import OpenSound
from stridor.common.errors import StridorError

if TYPE_CHECKING:
    from torch import nn

SAMPLE_RATE_HZ = 16000

# Larger values than the largest 32-bit sample are not a recording, and the power of a frame may overflow.
_LARGEST_SAMPLE = 2.0**31
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 2000, 768000
# The resampling filter has one row per output phase; for rates without a common divisor it would take gigabytes.
_LARGEST_FILTER = 2**24
_VALUES_PER_BLOCK = 2**19
# Of torchaudio's windowed sinc: as long as that of resampy's `kaiser_best`, with the cut-off and the window chosen so
# that it is flat to 7 kHz and lets nothing through above 8 kHz (-110 dB).
_RESAMPLER = {"lowpass_filter_width": 64, "rolloff": 0.9375, "beta": 11.0, "resampling_method": "sinc_interp_kaiser"}


def channel_blocks(
    recording: OpenSound, channel: int | Literal["mean"] = "mean", longest_seconds: float = math.inf
) -> Iterator[np.ndarray]:
    """Yield the samples of one channel, float32 [T_i] at the recording's rate, two megabytes at a time.

    Parameters and warnings are those of `read_clip`.

    Raises
    ------
    StridorError
        As from `read_clip`, and perhaps after some blocks.
    """
    sound, name = recording.sound, recording.name
    _check_length(sound.frames, sound, name, longest_seconds)
    if channel != "mean" and not 0 <= channel < sound.channels:
        raise StridorError(
            f"{name} has no channel {channel}; its channels are 0 to {sound.channels - 1}, set audio.channel "
            "to one of them or to 'mean'."
        )
    # Block by block, so that neither a wrong length in the header nor many channels cost memory.
    block_frames = max(1, _VALUES_PER_BLOCK // sound.channels)
    frames = 0
    while len(block := recording.read(block_frames)):
        frames += len(block)
        _check_length(frames, sound, name, longest_seconds)
        # Infinite samples of opposite signs have no mean; they are refused below, not warned of.
        with np.errstate(invalid="ignore", over="ignore"):
            wave = block.mean(axis=1) if channel == "mean" else block[:, channel].copy()
        # The comparison is false for NaN too.
        if not np.abs(wave).max() <= _LARGEST_SAMPLE:
            raise StridorError(f"{name} contains samples that are not audio (NaN or infinite); export it again.")
        yield wave
    if not frames:
        raise StridorError(f"{name} contains no samples; record it again or remove it.")
    seconds = frames / sound.samplerate
    if recording.is_unfinished:
        warnings.warn(
            f"The header of {name} was never finished and says that it is empty; the {seconds:.2f} s that follow are "
            "used.",
            stacklevel=2,
        )
    elif frames < sound.frames or recording.is_cut_short:
        warnings.warn(f"{name} is shorter than its header says; its {seconds:.2f} s are used.", stacklevel=2)


def resampled(wave: np.ndarray, recording: OpenSound) -> np.ndarray:
    """Return a part of a recording at 16 kHz, float32 [T'].

    Raises
    ------
    StridorError
        If the recording's sampling rate is unusual.
    """
    rate_hz = recording.sound.samplerate
    return wave if rate_hz == SAMPLE_RATE_HZ else _resample(wave, rate_hz, recording.name)


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

    return _resampler(rate_hz)(torch.from_numpy(wave)).numpy()


@lru_cache(maxsize=2)
def _resampler(rate_hz: int) -> "nn.Module":
    """Return the resampler of a rate; its filter takes seconds where rates have a small divisor in common."""
    import torch

    from stridor.audio._torchaudio import torchaudio

    return torchaudio.transforms.Resample(rate_hz, SAMPLE_RATE_HZ, **_RESAMPLER, dtype=torch.float32)
