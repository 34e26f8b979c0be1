"""Reading a recording once, block by block, for what decides how it is cut and whether it is odd."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile as sf

from stridor.audio.files import probe, read_clip
from stridor.audio.opening import OpenSound, open_sound
from stridor.audio.quality import SignalCheck
from stridor.audio.windows import clip_lengths
from stridor.common.errors import StridorError
from stridor.common.text import printable
from stridor.data.manifest import SHORTEST_SECONDS
from stridor.ingest.recordings.plain.folder import Recording

# However long a recording is and however many channels it has, this is what is held of it at a time.
VALUES_PER_BLOCK = 2**20
# Beyond the largest 32-bit sample nothing is a recording.
_LARGEST_SAMPLE = 2.0**31


@dataclass(frozen=True)
class Piece:
    """What is to become one clip; `start` and `frames` count at the recording's own sampling rate.

    Attributes
    ----------
    digest : bytes
        SHA-256 of rate, channels and decoded samples, whatever the format; of a last piece that has grown by the
        rest of its recording, without the rest.
    silent : bool
        The channel that the project reads never changes.
    """

    start: int
    frames: int
    digest: bytes
    silent: bool


@dataclass(frozen=True)
class Survey:
    """What is known of a recording that was read from its start to its end.

    Attributes
    ----------
    peak : float
        Of the channel that the project reads; 1 is full scale.
    findings : mapping of str to str
        As from `audio.quality.SignalCheck`.
    cut_short : bool
        It ends before its header says so.
    """

    recording: Recording
    sample_rate_hz: int
    channels: int
    pieces: tuple[Piece, ...]
    peak: float
    findings: Mapping[str, str]
    cut_short: bool

    @property
    def origin(self) -> str:
        """The path relative to the machine's folder."""
        return self.recording.origin

    @property
    def frames(self) -> int:
        """The number of frames that could be read."""
        return self.pieces[-1].start + self.pieces[-1].frames

    @property
    def seconds(self) -> float:
        """The length of what could be read."""
        return self.frames / self.sample_rate_hz


class _Cell:
    """What is known of the samples of one clip length, however many blocks they came in."""

    def __init__(self, seed: bytes) -> None:
        self.hash = hashlib.sha256(seed)
        self.frames = 0
        self.low, self.high = np.inf, -np.inf

    def add(self, block: np.ndarray, channel: int | Literal["mean"]) -> None:
        """Take in a block, float32 [T x C]."""
        self.frames += len(block)
        self.hash.update(np.ascontiguousarray(block).data)
        low, high = block.min(), block.max()
        if block.shape[1] > 1:
            one = block.mean(axis=1) if channel == "mean" else block[:, channel]
            low, high = one.min(), one.max()
        # np.minimum keeps a NaN, which min() may drop.
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)


def survey(recording: Recording, clip_seconds: float, channel: int | Literal["mean"]) -> Survey:
    """Read a recording once, in constant memory.

    Parameters
    ----------
    clip_seconds : float
        How long the clips are that it will be cut into.
    channel : int or "mean"
        What the project reads of several channels.

    Raises
    ------
    StridorError
        If the recording cannot be read or used.
    """
    path = recording.path
    info = probe(path)
    _try_reader(info.sample_rate_hz, info.channels, channel, path)
    clip_frames = round(clip_seconds * info.sample_rate_hz)
    with open_sound(path) as opened, np.errstate(invalid="ignore", over="ignore"):
        check = SignalCheck(channel)
        cells = _cells(opened, clip_frames, channel, check)
    frames = sum(cell.frames for cell in cells)
    if frames < SHORTEST_SECONDS * info.sample_rate_hz:
        raise StridorError(
            f"{printable(path)} lasts {frames / info.sample_rate_hz:.4f} s; the encoder needs at least "
            f"{SHORTEST_SECONDS} s, remove it."
        )
    # The comparison is false for NaN too.
    peak = float(np.max([np.maximum(-cell.low, cell.high) for cell in cells]))
    if not peak <= _LARGEST_SAMPLE:
        raise StridorError(f"{printable(path)} contains samples that are not audio (NaN or infinite); export it again.")
    return Survey(
        recording=recording,
        sample_rate_hz=info.sample_rate_hz,
        channels=info.channels,
        pieces=_pieces(cells, clip_lengths(frames, clip_frames)),
        peak=peak,
        findings=check.findings(info.sample_rate_hz),
        cut_short=frames < info.frames or opened.is_cut_short or opened.is_unfinished,
    )


def _cells(opened: OpenSound, clip_frames: int, channel: int | Literal["mean"], check: SignalCheck) -> list[_Cell]:
    sound = opened.sound
    block_frames = max(1, VALUES_PER_BLOCK // sound.channels)
    seed = f"{sound.samplerate} {sound.channels} ".encode()
    cells = [_Cell(seed)]
    while len(block := opened.read(min(block_frames, clip_frames - cells[-1].frames))):
        cells[-1].add(block, channel)
        check.add(block)
        if cells[-1].frames == clip_frames:
            cells.append(_Cell(seed))
    return [cell for cell in cells if cell.frames] or cells


def _pieces(cells: list[_Cell], lengths: list[int]) -> tuple[Piece, ...]:
    pieces, start = [], 0
    for number, frames in enumerate(lengths):
        # The last clip may consist of two cells, as its rest was too short for a clip.
        own = cells[number:] if number == len(lengths) - 1 else cells[number : number + 1]
        silent = min(cell.low for cell in own) == max(cell.high for cell in own)
        pieces.append(Piece(start, frames, own[0].hash.digest(), bool(silent)))
        start += frames
    return tuple(pieces)


def _try_reader(rate_hz: int, channels: int, channel: int | Literal["mean"], path: Path) -> None:
    """Have the project's own reader refuse a sampling rate or a channel, before hours of it are cut."""
    try:
        _read_quiet(rate_hz, channels, channel)
    except StridorError as error:
        raise StridorError(str(error).replace(_ANY, printable(path))) from None


_ANY = "the recording"


@lru_cache(maxsize=1024)
def _read_quiet(rate_hz: int, channels: int, channel: int | Literal["mean"]) -> None:
    quiet = io.BytesIO()
    try:
        sf.write(quiet, np.zeros((1024, channels), dtype=np.int16), rate_hz, format="WAV", subtype="PCM_16")
    except sf.SoundFileError:
        raise StridorError(
            f"{_ANY} has {channels} channels at {rate_hz} Hz, which no WAV file holds; convert it first."
        ) from None
    quiet.seek(0)
    read_clip(quiet, channel, _ANY)
