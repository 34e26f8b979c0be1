"""Cutting recordings of any length into clips, block by block, without changing a sample."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile as sf
from tqdm import tqdm

from stridor.errors import StridorError

if TYPE_CHECKING:
    from stridor.data.importing.plain.planning import PlannedMachine, PlannedRecording

# A rest that is shorter than this share of a clip is no clip of its own but the end of the one before.
SHORTEST_REST = 1 / 3
# However long a recording is and however many channels it has, this is what is held of it at a time.
VALUES_PER_BLOCK = 2**20
SHORTEST_CLIP_SECONDS, LONGEST_CLIP_SECONDS = 1.0, 120.0

# What a WAV file holds exactly, with the type that carries it there. Anything else (Vorbis, MP3) decodes to floats.
_EXACT = {
    "PCM_S8": ("int16", "PCM_16"), "PCM_U8": ("int16", "PCM_16"), "PCM_16": ("int16", "PCM_16"),
    "ULAW": ("int16", "PCM_16"), "ALAW": ("int16", "PCM_16"), "ALAC_16": ("int16", "PCM_16"),
    "PCM_24": ("int32", "PCM_24"), "ALAC_24": ("int32", "PCM_24"), "PCM_32": ("int32", "PCM_32"),
    "DOUBLE": ("float64", "DOUBLE"),
}  # fmt: skip


@dataclass(frozen=True)
class Cutting:
    """How a plain folder becomes clips.

    Attributes
    ----------
    clip_seconds : float
        Length of a clip. The last one of a recording is between a third and four thirds of that, and a
        shorter recording is one clip.
    test_share : float
        Share of the normal recordings that are kept for the test, in [0, 1).
    skip_unreadable : bool
        Leave out what cannot be used instead of refusing the import.

    Raises
    ------
    StridorError
        If a value is out of its range.
    """

    clip_seconds: float = 10.0
    test_share: float = 0.25
    skip_unreadable: bool = False

    def __post_init__(self) -> None:
        if not SHORTEST_CLIP_SECONDS <= self.clip_seconds <= LONGEST_CLIP_SECONDS:
            raise StridorError(
                f"--clip-seconds is {self.clip_seconds:g}; expected {SHORTEST_CLIP_SECONDS:g} to "
                f"{LONGEST_CLIP_SECONDS:g} seconds."
            )
        if not 0 <= self.test_share < 1:
            raise StridorError(
                f"--test-share is {self.test_share:g}; expected a share of the normal recordings, from 0 to below 1."
            )


def clip_lengths(frames: int, clip_frames: int) -> list[int]:
    """Return the lengths of the clips of a recording, in frames; they add up to all of it."""
    whole, rest = divmod(frames, clip_frames)
    lengths = [clip_frames] * whole
    if rest and (not whole or rest >= SHORTEST_REST * clip_frames):
        lengths.append(rest)
    elif rest:
        lengths[-1] += rest
    return lengths


def write_clips(plan: "PlannedMachine", folder: Path) -> None:
    """Write a machine's clips and its table of origins into `folder`.

    Clips are WAV files with the recording's own sampling rate, channels and sample values, and equal recordings
    give equal bytes.

    Raises
    ------
    StridorError
        If a recording is no longer what it was when it was looked at.
    """
    folder.mkdir(parents=True)
    for split in {clip.split for recording in plan.recordings for clip in recording.clips}:
        (folder / split).mkdir()
    for recording in tqdm(plan.recordings, plan.machine, unit="recording", leave=False, disable=None):
        _write_recording(recording, folder)
    (folder / "attributes_00.csv").write_text(plan.origins, encoding="utf-8", newline="")


def _write_recording(planned: "PlannedRecording", folder: Path) -> None:
    # From its start in one go, as seeking in compressed files is not always exact.
    path, done = planned.heard.recording.path, 0
    try:
        with sf.SoundFile(path) as sound:
            dtype, subtype = _EXACT.get(sound.subtype, ("float32", "FLOAT"))
            for clip in planned.clips:
                _copy(sound, clip.start - done, dtype, None)
                target = folder / clip.place
                with sf.SoundFile(target, "w", sound.samplerate, sound.channels, subtype, format="WAV") as out:
                    _copy(sound, clip.frames, dtype, out)
                if subtype in ("FLOAT", "DOUBLE"):
                    _forget_time(target)
                done = clip.start + clip.frames
    except (sf.SoundFileError, _ShorterError) as error:
        raise StridorError(
            f"{path} cannot be cut ({str(error).rstrip('.')}); import again when nobody is writing to it."
        ) from None


class _ShorterError(Exception):
    """The recording ends earlier than it did when it was looked at."""


def _copy(sound: sf.SoundFile, frames: int, dtype: str, out: sf.SoundFile | None) -> None:
    block_frames = max(1, VALUES_PER_BLOCK // sound.channels)
    while frames:
        block = sound.read(min(frames, block_frames), dtype=dtype, always_2d=True)
        if not len(block):
            raise _ShorterError("it has become shorter")
        if out is not None:
            out.write(block)
        frames -= len(block)


def _forget_time(path: Path) -> None:
    """Set the time in a float WAV's PEAK chunk to 0, so that a clip's MD5 depends on what it holds alone."""
    with path.open("r+b") as file:
        head = file.read(256)
        if (at := head.find(b"PEAK")) >= 0:
            # Name, size, version, then the time.
            file.seek(at + 12)
            file.write(np.uint32(0).tobytes())
