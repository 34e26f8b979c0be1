"""Changes of audio files that know their structure, so that more than the first check of a reader is reached."""

import random
import struct
from dataclasses import dataclass

from fuzzing.mutations import integer

_FORMAT_TAGS = (0, 1, 2, 3, 6, 7, 0x11, 0x31, 0x50, 0x55, 0x64, 0xFFFE, 0xFFFF)


@dataclass
class _Chunk:
    name: bytes
    size: int
    body: bytes


def mutated_sound(content: bytes, rng: random.Random) -> bytes:
    """Change a file according to its kind; unchanged if its kind is not known."""
    if content[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return _of_chunks(content, rng, "<", 12)
    if content[:4] == b"FORM":
        return _of_chunks(content, rng, ">", 12)
    if content[:4] == b"fLaC":
        return _flac(bytearray(content), rng)
    if content[:4] == b"OggS":
        return _ogg(content, rng)
    if content[:4] == b"caff":
        return _numbers(content, rng, 8, ">", 12)
    if content[:4] in (b"riff", b".snd"):
        return _numbers(content, rng, 8, "<" if content[:1] == b"r" else ">", 8)
    return _numbers(content, rng, 0, rng.choice("<>"), 4)


def _of_chunks(content: bytes, rng: random.Random, order: str, start: int) -> bytes:
    chunks, at = [], start
    while at + 8 <= len(content):
        size = struct.unpack(f"{order}I", content[at + 4 : at + 8])[0]
        body = content[at + 8 : at + 8 + size]
        chunks.append(_Chunk(content[at : at + 4], size, body))
        at += 8 + size + size % 2
    if not chunks:
        return content
    for _ in range(rng.choice((1, 1, 2, 3))):
        one, way = rng.choice(chunks), rng.randrange(10)
        if way == 0:
            one.size = integer(rng) % 2**32
        elif way == 1:
            one.size = max(0, one.size + rng.choice((-9, -2, -1, 1, 2, 9, 10**6)))
        elif way == 2:
            one.name = rng.choice((b"data", b"fmt ", b"LIST", b"SSND", b"COMM", b"ds64", b"cue ", b"\0\0\0\0", b"JUNK"))
        elif way == 3 and len(chunks) > 1:
            chunks.remove(one)
        elif way == 4:
            chunks.insert(rng.randrange(len(chunks) + 1), _Chunk(one.name, one.size, one.body))
        elif way == 5:
            rng.shuffle(chunks)
        elif way == 6:
            body = rng.randbytes(rng.choice((0, 1, 3, 8, 40, 3000)))
            name = rng.choice(
                (b"LIST", b"bext", b"cue ", b"smpl", b"inst", b"PEAK", b"id3 ", b"MARK", b"INST", b"NAME")
            )
            chunks.insert(rng.randrange(len(chunks) + 1), _Chunk(name, len(body), body))
        else:
            _set_format(rng.choice([c for c in chunks if c.name in (b"fmt ", b"COMM", b"ds64")] or [one]), rng, order)
    size = integer(rng) % 2**32 if rng.random() < 0.2 else None
    body = b"".join(
        one.name + struct.pack(f"{order}I", one.size % 2**32) + one.body + bytes(len(one.body) % 2) for one in chunks
    )
    return (
        content[:4]
        + (struct.pack(f"{order}I", (4 + len(body)) % 2**32 if size is None else size))
        + content[8:12]
        + body
    )


def _set_format(chunk: _Chunk, rng: random.Random, order: str) -> None:
    """Set a field of a fmt, COMM or ds64 chunk to an extreme value."""
    body = bytearray(chunk.body)
    fields = {
        b"fmt ": ((0, "H"), (2, "H"), (4, "I"), (8, "I"), (12, "H"), (14, "H"), (16, "H"), (18, "H"), (20, "I")),
        b"COMM": ((0, "H"), (2, "I"), (6, "H"), (8, "H"), (10, "Q"), (18, "I")),
    }.get(chunk.name, ((0, "Q"), (8, "Q"), (16, "Q"), (24, "I")))
    at, kind = rng.choice(fields)
    size = struct.calcsize(kind)
    value = rng.choice(_FORMAT_TAGS) if chunk.name == b"fmt " and at == 0 else integer(rng)
    if at + size <= len(body):
        body[at : at + size] = struct.pack(f"{order}{kind}", value % 2 ** (8 * size))
        chunk.body = bytes(body)


def _flac(content: bytearray, rng: random.Random) -> bytes:
    way = rng.randrange(6)
    if way == 0:
        # Sizes of blocks and frames, rate, channels, bits, number of samples, MD5.
        content[8 + rng.randrange(34)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif way == 1:
        content[5:8] = (integer(rng) % 2**24).to_bytes(3, "big")
    elif way == 2:
        content[4] = rng.randrange(256)
    elif way == 3:
        # The number of samples, 36 bits.
        value = integer(rng) % 2**36
        content[21] = content[21] & 0xF0 | value >> 32
        content[22:26] = (value & 0xFFFFFFFF).to_bytes(4, "big")
    elif way == 4:
        body = rng.randbytes(rng.choice((0, 8, 4000)))
        block = bytes([rng.choice((1, 2, 3, 4, 5, 6, 126, 127))]) + len(body).to_bytes(3, "big") + body
        content[42:42] = block * rng.choice((1, 20))
    else:
        return bytes(content[: rng.randrange(len(content))])
    return bytes(content)


def _ogg(content: bytes, rng: random.Random) -> bytes:
    pages, at = [], 0
    while content[at : at + 4] == b"OggS" and at + 27 <= len(content):
        segments = content[at + 26]
        end = at + 27 + segments + sum(content[at + 27 : at + 27 + segments])
        pages.append(bytearray(content[at:end]))
        at = end
    if not pages:
        return content
    page, way = rng.choice(pages), rng.randrange(8)
    if way == 0:
        page[5] = rng.randrange(256)
    elif way == 1:
        page[6:14] = struct.pack("<Q", integer(rng) % 2**64)
    elif way == 2:
        page[14:18] = struct.pack("<I", integer(rng) % 2**32)
    elif way == 3:
        page[rng.randrange(min(len(page), 300))] ^= 1 << rng.randrange(8)
    elif way == 4:
        pages.remove(page)
    elif way == 5:
        pages.insert(rng.randrange(len(pages) + 1), bytearray(page))
    elif way == 6:
        page[27:30] = rng.randbytes(3)
    else:
        del pages[rng.randrange(len(pages)) :]
    if rng.random() < 0.8:
        # Without the right sum, a page is dropped before it is looked into.
        for one in pages:
            one[22:26] = bytes(4)
            one[22:26] = struct.pack("<I", _ogg_sum(one))
    return b"".join(pages)


def _ogg_sum(page: bytes) -> int:
    total = 0
    for byte in page:
        total = total << 8 & 0xFFFFFFFF ^ _OGG_TABLE[(total >> 24) ^ byte]
    return total


def _ogg_row(value: int) -> int:
    value <<= 24
    for _ in range(8):
        value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
    return value & 0xFFFFFFFF


_OGG_TABLE = [_ogg_row(value) for value in range(256)]


def _numbers(content: bytes, rng: random.Random, start: int, order: str, step: int) -> bytes:
    """Set numbers of a header, of a format without chunks that are known here."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2))):
        size = rng.choice((2, 4, 8))
        at = start + rng.randrange(40) * step // 2
        kind = {2: "H", 4: "I", 8: "Q"}[size]
        if at + size <= len(changed):
            changed[at : at + size] = struct.pack(f"{order}{kind}", integer(rng) % 2 ** (8 * size))
    return bytes(changed)
