"""Listing a plain machine folder: normal/, anomaly/, noise/ and clean/, each with files in any depth."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from stridor.common.errors import StridorError
from stridor.data.names import AUDIO_SUFFIXES, Domain, Kind, Label
from stridor.ingest.recordings.checks import machine_name, stay_inside

Role = Literal["normal", "anomaly", "noise", "clean"]
ROLES: tuple[Role, ...] = get_args(Role)
DOMAINS: tuple[Domain, ...] = get_args(Domain)

# libsndfile goes by content and reads more names than clips may have; the last row are recordings that it cannot
# read, which must be told and not overlooked.
_SUFFIXES = (
    *AUDIO_SUFFIXES, ".aifc", ".bwf", ".oga", ".opus", ".snd", ".voc", ".wave",
    ".3gp", ".aac", ".amr", ".m4a", ".mka", ".mp4", ".wma",
)  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """One file of a machine.

    Attributes
    ----------
    role : "normal", "anomaly", "noise" or "clean"
        The machine running well or not, its surroundings with the machine off, or the machine alone.
    domain : "source", "target" or None
        None for noise and clean, which belong to none.
    origin : str
        The path relative to the machine's folder, with forward slashes.
    """

    path: Path
    role: Role
    domain: Domain | None
    origin: str

    @property
    def label(self) -> Label | None:
        """What its role says of a clip of the machine running; None for noise and clean."""
        return self.role if self.role == "normal" or self.role == "anomaly" else None

    @property
    def kind(self) -> Kind | None:
        """What its role says of a supplemental clip; None for normal and anomaly."""
        return self.role if self.role == "noise" or self.role == "clean" else None


@dataclass(frozen=True)
class PlainFolder:
    """One machine's recordings before anybody listened to them, in order of their origin."""

    machine: str
    folder: Path
    recordings: tuple[Recording, ...]
    notes: tuple[str, ...]


def is_plain(folder: Path) -> bool:
    """Tell whether a folder holds any of a plain machine's folders."""
    return any((folder / role).is_dir() for role in ROLES)


def list_plain(folder: Path, source: Path) -> PlainFolder:
    """List a machine's recordings.

    Parameters
    ----------
    folder : Path
        Holds normal/ and maybe anomaly/, noise/, clean/. What lies below normal/target or anomaly/target
        belongs to the target domain, all else to the source domain.
    source : Path
        The imported folder, resolved; links do not lead out of it.

    Raises
    ------
    StridorError
        If there is no normal/, it is empty, the machine's name is not plain, a link leads out or a file's
        name is not UTF-8.
    """
    machine = machine_name(folder)
    stay_inside(folder, source)
    recordings, others = [], []
    for role in ROLES:
        top = folder / role
        if not top.is_dir():
            continue
        stay_inside(top, source)
        for path in _files(top):
            if path.suffix.lower() not in _SUFFIXES or path.is_dir():
                others.append(path)
                continue
            stay_inside(path, source)
            recordings.append(Recording(path, role, _domain(path, top, role), _origin(path, folder)))
    if not any(recording.role == "normal" for recording in recordings):
        raise StridorError(
            f"{folder / 'normal'} holds no recordings; a detector learns from recordings of normal running, put "
            "them there."
        )
    left_out = [path.relative_to(folder).as_posix() for path in others]
    notes = (f"left out, as no recordings by their names ({len(left_out)}): {left_out[0]} first",) if left_out else ()
    return PlainFolder(machine, folder, tuple(sorted(recordings, key=lambda one: one.origin)), notes)


def _files(top: Path) -> list[Path]:
    """Return everything below `top` that is not hidden and no folder; links to folders are not followed."""
    found = []
    for place, folders, files in os.walk(top):
        here = Path(place)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [here / name for name in sorted([*files, *links]) if not name.startswith(".")]
    return found


def _domain(path: Path, top: Path, role: Role) -> Domain | None:
    if role in ("noise", "clean"):
        return None
    first = path.relative_to(top).parts[0]
    return first if first in DOMAINS and path.parent != top else "source"


def _origin(path: Path, folder: Path) -> str:
    origin = path.relative_to(folder).as_posix()
    try:
        origin.encode()
    except UnicodeEncodeError:
        raise StridorError(f"{str(path)!r} is not named in UTF-8; rename it.") from None
    return origin
