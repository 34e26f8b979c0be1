"""Writing the clips of planned recordings, block by block, without changing a sample."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile as sf
from tqdm import tqdm

from stridor.audio.opening import OpenSound, open_sound
from stridor.common.errors import StridorError
from stridor.common.saving import NotWrittenError, sound_written
from stridor.common.text import printable
from stridor.ingest.recordings.plain.plan import PlannedMachine, PlannedRecording
from stridor.ingest.recordings.plain.survey import VALUES_PER_BLOCK

# What a WAV file holds exactly, with the type that carries it there. Anything else (Vorbis, MP3) decodes to floats.
_EXACT = {
    "PCM_S8": ("int16", "PCM_16"), "PCM_U8": ("int16", "PCM_16"), "PCM_16": ("int16", "PCM_16"),
    "ULAW": ("int16", "PCM_16"), "ALAW": ("int16", "PCM_16"), "ALAC_16": ("int16", "PCM_16"),
    "PCM_24": ("int32", "PCM_24"), "ALAC_24": ("int32", "PCM_24"), "PCM_32": ("int32", "PCM_32"),
    "DOUBLE": ("float64", "DOUBLE"),
}  # fmt: skip


def write_clips(plan: PlannedMachine, folder: Path) -> None:
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


def _write_recording(planned: PlannedRecording, folder: Path) -> None:
    # From its start in one go, as seeking in compressed files is not always exact.
    path, done = planned.survey.recording.path, 0
    try:
        with open_sound(path) as opened:
            sound = opened.sound
            dtype, subtype = _EXACT.get(sound.subtype, ("float32", "FLOAT"))
            for clip in planned.clips:
                _copy(opened, clip.start - done, dtype, None)
                target = folder / clip.path
                with _new_wav(target, sound, subtype) as out:
                    _copy(opened, clip.frames, dtype, out)
                if subtype in ("FLOAT", "DOUBLE"):
                    _forget_time(target)
                done = clip.start + clip.frames
    except NotWrittenError:
        raise
    except (sf.SoundFileError, StridorError, _ShorterError) as error:
        raise StridorError(
            f"{printable(path)} cannot be cut ({str(error).rstrip('.')}); import again when nobody is writing to it."
        ) from None


@contextmanager
def _new_wav(path: Path, like: sf.SoundFile, subtype: str) -> Iterator[sf.SoundFile]:
    with sound_written(path):
        out = sf.SoundFile(os.fsencode(path), "w", like.samplerate, like.channels, subtype, format="WAV")
    try:
        yield out
    finally:
        with sound_written(path):
            out.close()


class _ShorterError(Exception):
    """The recording ends earlier than it did when it was looked at."""


def _copy(opened: OpenSound, frames: int, dtype: str, out: sf.SoundFile | None) -> None:
    block_frames = max(1, VALUES_PER_BLOCK // opened.sound.channels)
    while frames:
        block = opened.read(min(frames, block_frames), dtype)
        if not len(block):
            raise _ShorterError("it has become shorter")
        if out is not None:
            with sound_written(Path(os.fsdecode(out.name))):
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
