"""Opening recordings by libsndfile: by content, with headers that nobody finished, and without noise of decoders."""

import ctypes
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Literal

import numpy as np
import soundfile as sf

from stridor.audio.containers import PatchedFile, SampleData, find_samples
from stridor.common.errors import StridorError
from stridor.common.text import printable

# Decoders report an absurd length when the header does not contain it.
_LONGEST_FRAMES = 2**40
_SILENCING = Lock()
# In the chunk "fmt " of a WAV file.
_MPEG_TAGS, _EXTENSIBLE = (0x50, 0x55), 0xFFFE
_MIDI_DUMP = b"\xf0\x7e"


@dataclass
class OpenSound:
    """An open recording.

    Attributes
    ----------
    name : str
        For messages.
    samples : SampleData or None
        What its header says of its samples; None for compressed formats.
    prints_to : int or None
        Descriptor to which its decoder may print; None if it is quiet.
    frames_read : int
    """

    sound: sf.SoundFile
    name: str
    samples: SampleData | None
    prints_to: int | None
    frames_read: int = 0

    @property
    def is_unfinished(self) -> bool:
        """Whether its header says that there are no samples, although some follow."""
        return self.samples is not None and self.samples.is_unfinished

    @property
    def is_cut_short(self) -> bool:
        """Whether its header promises more than the file holds."""
        return self.samples is not None and self.samples.is_cut_short

    def read(self, frames: int, dtype: str = "float32") -> np.ndarray:
        """Read up to so many frames [T x C]; none at the end.

        Raises
        ------
        StridorError
            If the recording is damaged.
        """
        # libsndfile's own count goes back in a damaged Opus file, which would then never end.
        frames = max(0, min(frames, self.sound.frames - self.frames_read))
        try:
            with _silent_decoder(self.prints_to):
                block: np.ndarray = self.sound.read(frames, dtype=dtype, always_2d=True)
        except sf.SoundFileError as error:
            raise StridorError(f"{self.name} is damaged ({_reason(error)}); export it again.") from None
        self.frames_read += len(block)
        return block


@contextmanager
def open_sound(source: Path | str | BinaryIO, name: str = "the recording") -> Iterator[OpenSound]:
    """Open a recording for reading.

    Parameters
    ----------
    source : Path, str or binary file
        Any format that libsndfile reads, recognised by content, not by extension. A binary file is read from its start.
    name : str
        Name of a binary file in messages; ignored for a path.

    Raises
    ------
    StridorError
        If it is missing, not audio, or contains no samples.
    """
    if isinstance(source, Path | str):
        with _regular_file(source) as file, _opened(file, file.fileno(), printable(source)) as recording:
            yield recording
    else:
        file = source if source.seekable() else io.BytesIO(source.read())
        with _opened(file, None, name) as recording:
            yield recording


def _regular_file(path: Path | str) -> BinaryIO:
    path, name = Path(path), printable(path)
    try:
        if not path.exists():
            raise StridorError(f"{name} is missing; give the path of an audio file.")
        # Opening a named pipe would block forever.
        if not path.is_file():
            raise StridorError(f"{name} is not a file; give the path of an audio file.")
        return open(path, "rb")
    except OSError as error:
        advice = "fix its permissions" if isinstance(error, PermissionError) else "give the path of an audio file"
        raise StridorError(f"{name} cannot be opened ({error.strerror}); {advice}.") from None
    except ValueError:
        raise StridorError(f"{name} is not a path; give the path of an audio file.") from None


@contextmanager
def _opened(file: BinaryIO, descriptor: int | None, name: str) -> Iterator[OpenSound]:
    samples, start = find_samples(file), _start(file)
    patches = samples.patches if samples else {}
    if start[:2] == _MIDI_DUMP:
        # libsndfile prints what is wrong in one on standard output.
        raise StridorError(f"{name} is a MIDI sample dump, which is not read; export it as WAV.")
    prints_to = _prints_to(start)
    try:
        with _silent_decoder(prints_to):
            # libsndfile reads a descriptor faster than it calls back into Python.
            if descriptor is None or patches:
                sound = sf.SoundFile(PatchedFile(file, patches))
            else:
                os.lseek(descriptor, 0, os.SEEK_SET)
                sound = sf.SoundFile(descriptor, closefd=False)
    except sf.SoundFileError as error:
        raise StridorError(f"{name} is not readable audio ({_reason(error)}); export it as WAV.") from None
    with sound:
        if sound.frames <= 0 and start[:4] == b"OggS":
            raise StridorError(
                f"{name} lacks its last part, where an Ogg file says its length; repair it, for example by 'ffmpeg -i "
                "broken.ogg repaired.wav', or remove it."
            )
        if sound.frames <= 0:
            raise StridorError(f"{name} contains no samples; record it again or remove it.")
        if sound.frames >= _LONGEST_FRAMES:
            raise StridorError(f"The header of {name} does not contain its length; convert it to WAV.")
        yield OpenSound(sound, name, samples, prints_to)


def _start(file: BinaryIO) -> bytes:
    file.seek(0)
    start = file.read(64)
    file.seek(0)
    return start


def _prints_to(start: bytes) -> int | None:
    """Return the descriptor to which the decoder of a file may print, None if it is quiet.

    libmpg123, for MPEG audio in whatever container, prints to standard error, and libsndfile's decoder of Apple
    Lossless in CAF to standard output. Neither can be asked to be quiet.
    """
    if start[:4] == b"caff":
        return 1
    return 2 if _may_be_mpeg(start) else None


def _may_be_mpeg(start: bytes) -> bool:
    """Tell whether libmpg123 may be asked to decode a file; one whose format stands further behind counts as such."""
    if start[:4] in (b"fLaC", b"OggS", b"FORM", b".snd"):
        return False
    if start[:4] not in (b"RIFF", b"RIFX", b"RF64"):
        return start[:3] == b"ID3" or start[:1] == b"\xff"
    if (at := start.find(b"fmt ")) < 0 or at + 34 > len(start):
        return True
    order: Literal["big", "little"] = "big" if start[:4] == b"RIFX" else "little"
    tag, own = (int.from_bytes(start[at + offset : at + offset + 2], order) for offset in (8, 32))
    return (own if tag == _EXTENSIBLE else tag) in _MPEG_TAGS


def _reason(error: Exception) -> str:
    reason = getattr(error, "error_string", str(error)).rstrip(".")
    # libsndfile says so of files that it was given open, where a decoder of MP3 cannot start.
    if not reason or "not a regular file" in reason:
        return "its data are broken or end too early"
    return reason


@contextmanager
def _silent_decoder(descriptor: int | None) -> Iterator[None]:
    """Keep a decoder from printing to a descriptor of this process, 1 or 2."""
    if descriptor is None:
        yield
        return
    with _SILENCING:
        with suppress(OSError, ValueError, AttributeError):
            (sys.stdout if descriptor == 1 else sys.stderr).flush()
        _flush_c()
        kept, nowhere = os.dup(descriptor), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, descriptor)
            yield
        finally:
            # Not Python's stream, which may hold what another thread has printed meanwhile.
            _flush_c()
            os.dup2(kept, descriptor)
            os.close(kept)
            os.close(nowhere)


def _flush_c() -> None:
    """Write out the buffers of C, in which a decoder's words may wait for the end of the process."""
    ctypes.CDLL(None).fflush(None)
