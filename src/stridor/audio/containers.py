"""Where the samples of an uncompressed file begin and how many its header promises, for headers that nobody finished.

A recorder that loses power, and a program that writes to a pipe, leave sizes of 0 or -1 in the header.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

# A program that writes to a pipe does not know the length and stores roughly the largest possible number.
_STREAMED_BYTES = 0x7FFF0000
_MOST_CHUNKS = 1000
_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")


@dataclass(frozen=True)
class SampleData:
    """The samples of a file as its header describes them.

    Attributes
    ----------
    promised : int or None
        Bytes; None if the header says that it does not know.
    available : int
        Bytes up to the end of the file.
    patches : mapping of int to bytes
        What has to be written over the header, by offset, so that libsndfile reads all that is there.
    """

    promised: int | None
    available: int
    patches: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def is_unfinished(self) -> bool:
        """Whether samples follow although the header says that there are none."""
        return self.promised == 0 and self.available > 0

    @property
    def is_cut_short(self) -> bool:
        """Whether the file ends before its header says so."""
        return self.promised is not None and self.available < self.promised


class PatchedFile:
    """A binary file with some bytes replaced, for libsndfile: a seek to nowhere is ignored and raises nothing."""

    def __init__(self, file: BinaryIO, patches: Mapping[int, bytes]) -> None:
        self._file, self._patches = file, patches

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes."""
        start = self._file.tell()
        content = bytearray(self._file.read(size))
        for offset, patch in self._patches.items():
            for index, value in enumerate(patch, offset - start):
                if 0 <= index < len(content):
                    content[index] = value
        return bytes(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position; stay where it is if there is none such."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return self._file.tell()

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def write(self, content: bytes) -> int:
        """Refuse: the file is only read."""
        raise OSError("the file is only read")


def find_samples(file: BinaryIO) -> SampleData | None:
    """Find the samples of a WAV, RF64, AIFF, AU, CAF or W64 file; None for other files. The position is kept."""
    before = file.tell()
    try:
        end = file.seek(0, 2)
        file.seek(0)
        head = file.read(40)
        if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
            return _wav(file, end, head[:4])
        if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            return _chunks(file, end, 12, b"SSND", ">I")
        if head[:4] == b".snd" and len(head) >= 24:
            return _au(head, end)
        if head[:4] == b"caff":
            return _caf(file, end)
        if head[:16] == _W64_RIFF:
            return _w64(file, end)
        return None
    finally:
        file.seek(before)


def _read_at(file: BinaryIO, at: int, size: int) -> bytes:
    """Read up to `size` bytes; none where there is no such place, as a damaged header may name any number."""
    try:
        file.seek(at)
    except (OSError, ValueError, OverflowError):
        return b""
    return file.read(size)


def _wav(file: BinaryIO, end: int, kind: bytes) -> SampleData | None:
    order = ">" if kind == b"RIFX" else "<"
    long_sizes, at = None, 12
    for _ in range(_MOST_CHUNKS):
        head = _read_at(file, at, 24)
        if len(head) < 8:
            return None
        name, size = head[:4], struct.unpack(f"{order}I", head[4:8])[0]
        if name == b"ds64" and len(head) >= 24:
            long_sizes = at
            long_size = struct.unpack("<Q", head[16:24])[0]
        if name == b"data":
            start = at + 8
            if kind == b"RF64" and long_sizes is not None:
                patches = {long_sizes + 8: struct.pack("<QQ", end - 8, end - start)}
                return _judged(file, start, end, long_size, patches)
            patches = {4: struct.pack(f"{order}I", min(end - 8, _STREAMED_BYTES)),
                       at + 4: struct.pack(f"{order}I", min(end - start, 0xFFFFFFFF))}  # fmt: skip
            return _judged(file, start, end, size, patches)
        at += 8 + size + size % 2
    return None


def _judged(file: BinaryIO, start: int, end: int, promised: int, patches: dict[int, bytes]) -> SampleData:
    if promised == 0 and not _is_followed_by_chunks(file, start, end):
        return SampleData(0, end - start, patches)
    if promised == 0:
        return SampleData(0, 0)
    return SampleData(promised if promised < _STREAMED_BYTES else None, end - start)


def _is_followed_by_chunks(file: BinaryIO, at: int, end: int) -> bool:
    """Tell whether the rest of a file is a sound list of chunks, so that 0 samples before it are meant."""
    for _ in range(_MOST_CHUNKS):
        if at >= end:
            return True
        head = _read_at(file, at, 8)
        if len(head) < 8 or not head[:4].isalnum():
            return False
        size = struct.unpack("<I", head[4:])[0]
        at += 8 + size + size % 2
        if at > end + 1:
            return False
    return False


def _chunks(file: BinaryIO, end: int, at: int, wanted: bytes, layout: str) -> SampleData | None:
    for _ in range(_MOST_CHUNKS):
        head = _read_at(file, at, 4 + struct.calcsize(layout))
        if len(head) < 4 + struct.calcsize(layout):
            return None
        size = struct.unpack(layout, head[4:])[0]
        start = at + len(head)
        if head[:4] == wanted:
            return SampleData(size if size < _STREAMED_BYTES else None, end - start)
        at = start + size + size % 2
    return None


def _au(head: bytes, end: int) -> SampleData:
    start, size = struct.unpack(">II", head[4:12])
    patches = {8: b"\xff\xff\xff\xff"} if size == 0 else {}
    return SampleData(size if size < _STREAMED_BYTES else None, max(end - start, 0), patches)


def _caf(file: BinaryIO, end: int) -> SampleData | None:
    at = 8
    for _ in range(_MOST_CHUNKS):
        head = _read_at(file, at, 12)
        if len(head) < 12:
            return None
        size = struct.unpack(">q", head[4:])[0]
        start = at + 12
        if head[:4] == b"data":
            right = 0 < size <= end - start
            patches = {} if right else {at + 4: struct.pack(">q", end - start)}
            # The first four bytes count edits.
            return SampleData(None if size == -1 else max(size - 4, 0), max(end - start - 4, 0), patches)
        if size < 0:
            return None
        at = start + size
    return None


def _w64(file: BinaryIO, end: int) -> SampleData | None:
    at = 40
    for _ in range(_MOST_CHUNKS):
        head = _read_at(file, at, 24)
        if len(head) < 24:
            return None
        size = struct.unpack("<Q", head[16:])[0]
        if head[:16] == _W64_DATA:
            promised = max(size - 24, 0)
            return SampleData(promised if promised < 2**60 else None, end - at - 24)
        if size < 24:
            return None
        at += (size + 7) // 8 * 8
    return None
