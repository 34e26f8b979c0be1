"""Looking into an archive before anything of it is written, and unpacking what belongs to a machine."""

import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stridor.common.errors import StridorError
from stridor.common.text import shortened
from stridor.data.manifest import SPLITS
from stridor.data.names import AUDIO_SUFFIXES

# A clip of 12 s has 0.4 MB and an archive of 1200 clips 0.35 GB; noise hardly gets smaller by packing.
LARGEST_CLIP_BYTES = 64 * 2**20
LARGEST_ARCHIVE_BYTES = 16 * 2**30
LARGEST_RATIO = 100
MOST_ENTRIES = 50_000
# Of file systems.
LONGEST_NAME_BYTES = 255

# zipfile unpacks the other methods without a bound on memory; published archives use none of them.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_TABLE = re.compile(r"attributes_\d+\.csv")


@dataclass(frozen=True)
class Member:
    """A file of an archive that belongs to a machine.

    Attributes
    ----------
    name : str
        In the archive.
    path : str
        `<split>/<file>` or the name of an attribute table, relative to the machine's folder.
    crc : int
        CRC-32 of the unpacked bytes.
    """

    archive: Path
    name: str
    path: str
    bytes: int
    crc: int

    @property
    def is_table(self) -> bool:
        """Whether it is an attribute table and not a clip."""
        return "/" not in self.path


def read_members(archive: Path, machine: str) -> tuple[Member, ...]:
    """List what an archive holds of a machine; nothing is unpacked.

    The folders above the splits have differed: `<machine>/train/...`, `dev_<machine>/<machine>/train/...`,
    `dev_<machine>/train/...` or `train/...`.

    Raises
    ------
    StridorError
        If the archive is broken or encrypted, any of its names leads out of a folder, any entry is a link, it
        would unpack to far more than clips need, or it holds clips of another machine.
    """
    with _opened(archive) as opened:
        entries = opened.infolist()
        if any(entry.header_offset < 0 for entry in entries):
            raise zipfile.BadZipFile("its start is missing")
        _refuse_bomb(archive, entries)
        members = [_member(archive, entry, machine) for entry in entries]
    found: dict[str, Member] = {}
    for member in members:
        if member is None:
            continue
        # Some file systems take two such names for one.
        key = member.path.casefold()
        if key in found:
            raise StridorError(f"{archive} holds {member.path} twice; do not trust it, delete it.")
        found[key] = member
    return tuple(found[key] for key in sorted(found))


def unpack(files: Mapping[str, Member], folder: Path) -> Iterator[Path]:
    """Unpack members into a machine's folder and yield every file that has been written.

    Parameters
    ----------
    files : mapping of str to Member
        By the path of each, `<split>/<file>` or the name of an attribute table.
    folder : Path
        Must exist.

    Raises
    ------
    StridorError
        If the bytes of a member are not those that its checksum was made of.
    """
    for archive in dict.fromkeys(member.archive for member in files.values()):
        with _opened(archive) as opened:
            for path, member in files.items():
                if member.archive != archive:
                    continue
                target = folder / path
                target.parent.mkdir(exist_ok=True)
                # zipfile reads no more than the size that was checked, and compares the checksum at the end.
                with opened.open(member.name) as packed, target.open("xb") as file:
                    shutil.copyfileobj(packed, file, 2**20)
                yield target


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as opened:
            yield opened
    # A name that is not UTF-8, sizes beyond every file, and offsets before its start.
    except (
        zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError,
        OverflowError,
    ) as error:  # fmt: skip
        # zipfile quotes names, which may be longer than any.
        reason = shortened(str(error) or type(error).__name__, 200)
        raise StridorError(
            f"{archive} is not a valid zip archive ({reason}); delete it and run the command again."
        ) from None


def _refuse_bomb(archive: Path, entries: list[zipfile.ZipInfo]) -> None:
    total, packed = sum(entry.file_size for entry in entries), archive.stat().st_size
    largest = max((entry.file_size for entry in entries), default=0)
    if (
        len(entries) > MOST_ENTRIES
        or largest > LARGEST_CLIP_BYTES
        or total > min(LARGEST_ARCHIVE_BYTES, LARGEST_RATIO * packed)
    ):
        raise StridorError(
            f"{archive} would unpack from {packed / 1e6:.1f} MB to {len(entries)} files of {total / 1e6:.1f} MB, the "
            f"largest of {largest / 1e6:.1f} MB, which no clips need; do not trust it, delete it."
        )


def _member(archive: Path, entry: zipfile.ZipInfo, machine: str) -> Member | None:
    """Return a member, or None for a folder and what is neither clip nor attribute table."""
    # Before Python made it pleasing: zipfile cuts names at a NUL.
    name = entry.orig_filename
    parts = name.rstrip("/").split("/")
    if (
        "\\" in name
        or ":" in name
        or any(part in ("", ".", "..") for part in parts)
        or not name.isprintable()
        or any(len(part.encode()) > LONGEST_NAME_BYTES for part in parts)
    ):
        raise StridorError(
            f"{archive} holds the name {name[:300]!r}, which leads out of its folder or is not a name for a "
            "file; delete the archive."
        )
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise StridorError(f"{archive} holds {name!r}, which is a link or not a file; delete the archive.")
    if entry.flag_bits & 0x1:
        raise StridorError(f"{archive} holds {name!r} encrypted, as no published archive does; delete the archive.")
    if entry.is_dir() or any(part.startswith(".") or part == "__MACOSX" for part in parts):
        return None
    if entry.compress_type not in _METHODS:
        raise StridorError(
            f"{archive} holds {name!r} packed in an unusual way; unpack it by hand and use 'stridor data import'."
        )
    *above, last = parts
    split = above.pop() if above and above[-1] in SPLITS else None
    clip = split is not None and last.lower().endswith(AUDIO_SUFFIXES)
    if not clip and not (split is None and _TABLE.fullmatch(last)):
        return None
    if above and above[-1] not in (machine, archive.stem):
        raise StridorError(
            f"{archive} holds {name!r}, which is not of the machine {machine}; look at the record in a browser."
        )
    return Member(archive, entry.filename, f"{split}/{last}" if split else last, entry.file_size, entry.CRC)
