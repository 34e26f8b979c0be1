"""How a recording of any length is cut into windows, by the import and by a detector that listens to it."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from stridor.audio.channels import SAMPLE_RATE_HZ, channel_blocks, resampled
from stridor.audio.opening import open_sound

# A rest that is shorter than this share of a window is no window of its own but the end of the one before.
SHORTEST_REST = 1 / 3
# A recording that is little longer than a window is not cut.
LONGEST_UNCUT = 1.5


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a recording.

    Attributes
    ----------
    start_seconds, seconds : float
        Where it begins, and its length.
    wave : float array [T], 16 kHz
    """

    start_seconds: float
    seconds: float
    wave: np.ndarray


def clip_lengths(frames: int, clip_frames: int) -> list[int]:
    """Return the lengths of the clips of a recording, in frames; they add up to all of it."""
    whole, rest = divmod(frames, clip_frames)
    lengths = [clip_frames] * whole
    if rest and (not whole or rest >= SHORTEST_REST * clip_frames):
        lengths.append(rest)
    elif rest:
        lengths[-1] += rest
    return lengths


def read_windows(
    source: Path | str | BinaryIO,
    length_seconds: float,
    hop_seconds: float | None = None,
    channel: int | Literal["mean"] = "mean",
    name: str = "the recording",
    longest_seconds: float = math.inf,
) -> Iterator[Window]:
    """Read a recording window by window, so that its length costs no memory.

    The cuts are those of the import, `clip_lengths`, and each window is resampled by itself, as a clip is. A recording
    of up to one and a half lengths is one window.

    Parameters
    ----------
    source, channel, name, longest_seconds
        As for `read_clip`.
    length_seconds : float
    hop_seconds : float, optional
        From the start of a window to that of the next, at most the length, which is the default.

    Raises
    ------
    StridorError
        As from `read_clip`, and perhaps after some windows.
    """
    with open_sound(source, name) as recording:
        rate_hz = recording.sound.samplerate
        blocks = channel_blocks(recording, channel, longest_seconds)
        for start, part in cut(blocks, *_in_frames(length_seconds, hop_seconds, rate_hz)):
            yield Window(start / rate_hz, len(part) / rate_hz, resampled(part, recording))


def windows_of(wave: np.ndarray, length_seconds: float, hop_seconds: float | None = None) -> Iterator[Window]:
    """Cut a wave at 16 kHz, float [T], as `read_windows` does a recording."""
    for start, part in cut([wave], *_in_frames(length_seconds, hop_seconds, SAMPLE_RATE_HZ)):
        yield Window(start / SAMPLE_RATE_HZ, len(part) / SAMPLE_RATE_HZ, part)


def cut(blocks: Iterable[np.ndarray], length: int, hop: int, uncut: int) -> Iterator[tuple[int, np.ndarray]]:
    """Cut consecutive blocks of samples into windows.

    Parameters
    ----------
    blocks : iterable of array [T_i]
    length, hop : int
        Frames, 0 < hop <= length.
    uncut : int
        All samples together are one window if there are at most so many.

    Yields
    ------
    int
        The frame that a window begins at.
    array [T]
    """
    left = iter(blocks)
    held, start, ended = np.empty(0, dtype=np.float32), 0, False
    # What must follow a window so that another one begins.
    rest = min(hop, math.ceil(SHORTEST_REST * length))
    needed = max(uncut + 1, length + rest)
    while True:
        while len(held) < needed and not ended:
            block = next(left, None)
            ended = block is None
            if block is not None:
                held = np.concatenate([held, block]) if len(held) else block
        if ended and (len(held) < length + rest or (not start and len(held) <= uncut)):
            if len(held):
                yield start, held
            return
        yield start, held[:length]
        held, start, needed = held[hop:], start + hop, length + rest


def _in_frames(length_seconds: float, hop_seconds: float | None, rate_hz: int) -> tuple[int, int, int]:
    length = max(1, round(length_seconds * rate_hz))
    hop = length if hop_seconds is None else min(length, max(1, round(hop_seconds * rate_hz)))
    return length, hop, math.floor(LONGEST_UNCUT * length)
