"""What the archives of a machine hold together, by the names that its clips get, checked against the table of years."""

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from stridor.common.errors import StridorError
from stridor.data.names import ClipName, Split, parse_clip_name
from stridor.ingest.dcase.archive import Member, read_members
from stridor.ingest.dcase.downloading import Download
from stridor.ingest.dcase.years import Group


@dataclass(frozen=True)
class Contents:
    """A machine's files by the paths that they get, relative to its folder in data/.

    Attributes
    ----------
    full_names : mapping of str to str
        Of test clips whose published name hides domain and label.
    """

    machine: str
    files: Mapping[str, Member]
    full_names: Mapping[str, str]

    @property
    def bytes(self) -> int:
        """Unpacked."""
        return sum(member.bytes for member in self.files.values())

    def is_in(self, folder: Path) -> bool:
        """Tell whether a machine's folder holds these files and nothing else."""
        paths = {file.relative_to(folder).as_posix() for file in _visible(folder)}
        return paths == set(self.files) and self.covers(folder)

    def covers(self, folder: Path) -> bool:
        """Tell whether nothing would be lost if these files replaced a machine's folder.

        A test clip may get its full name on the way.
        """
        for file in _visible(folder):
            split, _, name = (path := file.relative_to(folder).as_posix()).rpartition("/")
            full = f"{split}/{self.full_names.get(name, name)}" if split == "test" else path
            member = self.files.get(full)
            if member is None or member.bytes != file.stat().st_size or member.crc != _crc(file):
                return False
        return True


def gather(downloads: Iterable[Download], truths: Mapping[str, Mapping[str, str]]) -> tuple[Contents, ...]:
    """Look into archives that lie on the disk.

    Parameters
    ----------
    truths : mapping of machine to mapping
        The full names of its test clips by the names that hide domain and label; a machine without one keeps
        them.

    Raises
    ------
    StridorError
        If an archive is hostile or broken, clips are not as many or not named as the table of years says, or
        the ground truth does not know a clip.
    """
    machines: dict[str, dict[str, Member]] = {}
    for one in downloads:
        machine = one.wanted.machine
        full_names = truths.get(machine, {})
        members = read_members(one.path, machine)
        files = {_target(member, full_names, one.path): member for member in members}
        _check_counts(one, files)
        whole = machines.setdefault(machine, {})
        for path, member in files.items():
            # Of two attribute tables the first is that of the training clips.
            first = whole.setdefault(path, member)
            if first.crc != member.crc and not member.is_table:
                raise StridorError(f"{first.archive} and {one.path} both hold {path}, but not the same clip.")
    return tuple(Contents(machine, files, truths.get(machine, {})) for machine, files in machines.items())


def _target(member: Member, full_names: Mapping[str, str], archive: Path) -> str:
    split, _, name = member.path.rpartition("/")
    if split != "test" or not full_names or _parse(member.path, archive).label:
        return member.path
    if name not in full_names:
        raise StridorError(f"The ground truth has no entry for {name} of {archive}; give that of the same year.")
    return f"test/{full_names[name]}"


def _check_counts(one: Download, files: Mapping[str, Member]) -> None:
    clips = [_parse(path, one.path) for path, member in files.items() if not member.is_table]
    hidden = any(clip.split == "test" and clip.label is None for clip in clips)
    found: Counter[Group] = Counter()
    for clip in clips:
        found[clip.split, None, None] += 1
        found[clip.split, clip.domain, clip.label] += bool(clip.domain)
    for group, expected in one.wanted.published.counts.items():
        split, domain, label = group
        if hidden and split == "test" and domain:
            continue
        if found[group] != expected:
            what = " ".join(word for word in (split, domain, label) if word)
            raise StridorError(
                f"{one.path} holds {found[group]} {what} clips, and {expected} are published; see whether the page "
                "of the record tells of a change, and to use the archive as it is, unpack it and run 'stridor data "
                "import' on the folder."
            )


def _parse(path: str, archive: Path) -> ClipName:
    split, _, name = path.rpartition("/")
    try:
        # `read_members` lets no other folders through.
        return parse_clip_name(name, cast(Split, split))
    except StridorError as error:
        raise StridorError(f"{archive}: {error}") from None


def _visible(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while block := file.read(2**20):
            crc = zlib.crc32(block, crc)
    return crc
