"""Zip archives of recordings, as a data set's site or whoever stands in its place sends them."""

import io
import random
import stat
import struct
import zipfile
from pathlib import Path

from fuzzing.mutations import TEXTS, integer, mutated_bytes
from fuzzing.sandbox import Sandbox, Wrong
from fuzzing.subject import Subject
from stridor.ingest.dcase.archive import read_members, unpack
from zenodo import archive, clips_to_test, clips_to_train

_MODES = (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR, stat.S_IFREG)
_CLIP = "section_00_source_train_normal_0000_spd_1.wav"


class Archives(Subject):
    """A mutated archive of a machine."""

    megabytes = 300.0

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        files = clips_to_train("fan") | clips_to_test("fan")
        self.files = files
        self.archives = [archive(files), archive(files, zipfile.ZIP_STORED), archive(dict(list(files.items())[:2]))]

    def write(self, rng: random.Random, folder: Path) -> None:
        """Write one archive."""
        way = rng.random()
        if way < 0.35:
            content = mutated_bytes(rng.choice(self.archives), rng, self.archives)
        elif way < 0.65:
            content = _with_directory(rng.choice(self.archives), rng)
        else:
            content = self._with_entries(rng)
            if rng.random() < 0.2:
                content = mutated_bytes(content, rng)
        (folder / "dev_fan.zip").write_bytes(content)

    def names(self, folder: Path) -> tuple[str, ...]:
        """Return the file's name."""
        return ("dev_fan.zip",)

    def check(self, rng: random.Random, folder: Path) -> None:
        """List it and unpack it; whatever is unpacked lies in the machine's folder, and is a plain file."""
        place = folder / "dev_fan.zip"
        target = folder / "fan"
        target.mkdir()
        members = {member.path: member for member in read_members(place, "fan")}
        try:
            for path in unpack(members, target):
                if path.is_symlink() or not path.resolve().is_relative_to(target.resolve()):
                    raise Wrong(f"{path} was unpacked")
        finally:
            written = [path for path in folder.rglob("*") if path not in (place, target)]
            if astray := [path for path in written if not path.is_relative_to(target) or path.is_symlink()]:
                raise Wrong(f"{astray[0]} was written")
            size = sum(path.stat().st_size for path in written if path.is_file())
            if size > max(100 * place.stat().st_size, 10**6):
                raise Wrong(f"{size} bytes were unpacked of {place.stat().st_size}")

    def _with_entries(self, rng: random.Random) -> bytes:
        """Add entries that zipfile would not write by itself."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as opened:
            for name, content in self.files.items():
                if rng.random() < 0.7:
                    opened.writestr(zipfile.ZipInfo(name), content, rng.choice((0, 8, 8, 12, 14)))
            for _ in range(rng.choice((1, 1, 2, 5))):
                # zipfile cleans a name that it is told at once.
                entry = zipfile.ZipInfo("x")
                entry.filename = self._name(rng)
                entry.external_attr = (rng.choice(_MODES) | 0o777) << 16 if rng.random() < 0.4 else 0
                entry.extra = rng.choice((b"", b"", b"", rng.randbytes(8), struct.pack("<HHQ", 1, 8, 2**62)))
                entry.comment = rng.choice((b"", b"x" * 300))
                content = rng.choice((b"x", str(self.sandbox.outside / "victim").encode(), bytes(2**22), b"", b"../x"))
                opened.writestr(entry, content, rng.choice((0, 8)))
        return packed.getvalue()

    def _name(self, rng: random.Random) -> str:
        """Return a name for an entry; none of them may lead anywhere."""
        up = "../" * rng.choice((1, 2, 3, 8))
        outside = str(self.sandbox.outside)
        name = rng.choice((
            f"{up}victim", f"fan/train/{up}{_CLIP}", f"{outside}/new.wav", f"/{outside}/victim.wav", "fan/train",
            f"fan/{rng.choice(TEXTS)}", f"fan/train/{rng.choice(TEXTS)}.wav", f"{rng.choice(TEXTS)}/train/{_CLIP}",
            f"fan/train/{_CLIP}", f"fan/train/{_CLIP.upper()}", f"FAN/train/{_CLIP}", "fan/attributes_00.csv",
            f"fan/attributes_{'0' * rng.choice((2, 300))}.csv", f"fan\\train\\{_CLIP}", f"fan/train/{_CLIP}/x.wav",
            f"fan/train/section_00_{'0' * rng.choice((9, 200, 60000))}!.wav", "fan/train/con.wav", "fan/train/.wav",
            f"valve/train/{_CLIP}", f"fan/./train/{_CLIP}", f"fan/train/{_CLIP}\0.txt", f"~/train/{_CLIP}",
        ))  # fmt: skip
        return name.encode("utf-8", "replace").decode()[:65000] or "x"


def _with_directory(content: bytes, rng: random.Random) -> bytes:
    """Change fields of the headers and of the directory that says where everything lies."""
    changed = bytearray(content)
    places = {b"PK\3\4": (30, (4, 6, 8, 10, 14, 18, 22, 26, 28)), b"PK\1\2": (46, (6, 8, 10, 16, 20, 24, 28, 30, 32,
              34, 38, 42)), b"PK\5\6": (22, (4, 6, 8, 10, 12, 16, 20))}  # fmt: skip
    for _ in range(rng.choice((1, 1, 2, 4))):
        mark = rng.choice((b"PK\3\4", b"PK\1\2", b"PK\1\2", b"PK\5\6"))
        found = [at for at in range(len(changed) - 4) if changed[at : at + 4] == mark]
        if not found:
            continue
        length, fields = places[mark]
        start, field = rng.choice(found), rng.choice(fields)
        size = rng.choice((2, 4))
        if rng.random() < 0.2:
            # Its name, or what follows.
            changed[start + length + rng.randrange(8) : start + length + 8] = rng.choice(
                (b"../../..", b"\xff\xfe\0", b"")
            )
        else:
            changed[start + field : start + field + size] = struct.pack("<Q", integer(rng) % 2**64)[:size]
    return bytes(changed)
