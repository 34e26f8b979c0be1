"""Listing a machine's folder in the DCASE layout, of this and of earlier years of the challenge."""

import re
from dataclasses import dataclass
from pathlib import Path

from stridor.common.errors import StridorError
from stridor.common.text import printable
from stridor.data.names import AUDIO_SUFFIXES, Domain, Split
from stridor.ingest.recordings.checks import stay_inside
from stridor.ingest.recordings.files import LeftOut, exclusion, is_audio, machine_files, note_others, origin_of
from stridor.ingest.recordings.folder_names import FolderNames, split_of

_TABLE = re.compile(r"attributes_.*\.csv")
# As DCASE 2020 names clips: the machine's number in the place of a section, and one domain only.
_OF_2020 = re.compile(r"(?:(?P<label>normal|anomaly)_)?id_(?P<id>\d{1,9})_(?P<number>\d{1,9})")
# As DCASE 2021 and later hide labels in a folder that says the domain.
_UNLABELLED = re.compile(r"section_(?P<section>\d{1,9})_(?P<number>\d{1,9})")


@dataclass(frozen=True)
class ListedClip:
    """A clip; `name` is what it will be called, which differs from the file's for early years of the challenge."""

    split: Split
    path: Path
    name: str


@dataclass(frozen=True)
class MachineFolder:
    """The files of one machine in the DCASE layout before anything in them was looked at.

    Attributes
    ----------
    tables : tuple of Path
        The machine's attributes_*.csv.
    left_out : tuple of LeftOut
        Audio files.
    notes : tuple of str
        On other files.
    """

    machine: str
    folder: Path
    clips: tuple[ListedClip, ...]
    tables: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def list_dcase(folder: Path, machine: str, source: Path, names: FolderNames) -> MachineFolder:
    """List a machine's clips and attribute tables.

    Parameters
    ----------
    folder : Path
        Holds train/, test/, supplemental/, source_test/ or target_test/.
    source : Path
        The imported folder; links do not lead out of it.

    Raises
    ------
    StridorError
        If an audio file is in another place, two clips would get one name, or a link leads out.
    """
    clips: dict[tuple[Split, str], ListedClip] = {}
    tables, left_out, others = [], [], []
    for path in machine_files(folder, source.resolve(), names):
        parts = path.relative_to(folder).parts
        reason = exclusion(path, folder, names)
        if not is_audio(path) or path.is_dir():
            if len(parts) == 1 and _TABLE.fullmatch(path.name):
                stay_inside(path, source.resolve())
                tables.append(path)
            elif reason is None and len(parts) > 1:
                others.append(path)
        elif reason:
            left_out.append(LeftOut(origin_of(path, source), reason))
        else:
            stay_inside(path, source.resolve())
            clip = _clip(path, folder)
            first = clips.setdefault((clip.split, clip.name.casefold()), clip)
            if first is not clip:
                raise StridorError(
                    f"{printable(first.path)} and {printable(path)} would both be {clip.split}/{printable(clip.name)}; "
                    "rename or remove one of them."
                )
    return MachineFolder(
        machine=machine,
        folder=folder,
        clips=tuple(sorted(clips.values(), key=lambda clip: (_ORDER[clip.split], clip.name))),
        tables=tuple(tables),
        left_out=tuple(left_out),
        notes=note_others(others, folder),
    )


_ORDER: dict[Split, int] = {"train": 0, "test": 1, "supplemental": 2}


def _clip(path: Path, folder: Path) -> ListedClip:
    *above, _ = path.relative_to(folder).parts
    found = split_of(above[0]) if above else None
    if found is None or len(above) > 1:
        where = f"in {printable('/'.join(above))}/" if above else "beside train/"
        raise StridorError(
            f"{printable(path)} lies {where}; clips lie directly in train/, test/ or supplemental/, recordings without "
            "such names in normal/ and anomaly/ instead: move it, or leave it out by --leave-out "
            f"'{printable(above[-1] if above else path.name)}'."
        )
    if path.suffix.lower() not in AUDIO_SUFFIXES:
        raise StridorError(
            f"{printable(path)} is not in a format of clips ({', '.join(AUDIO_SUFFIXES)}); convert it, or leave it "
            f"out by --leave-out '*{path.suffix}'."
        )
    split, domain = found
    return ListedClip(split, path, _full_name(path, split, domain))


def _full_name(path: Path, split: Split, domain: Domain | None) -> str:
    """Return the name of a clip as later years of the challenge write it."""
    name = path.name
    if split == "supplemental":
        return name
    if match := _OF_2020.fullmatch(path.stem):
        label = f"{domain or 'source'}_{split}_{match['label']}_" if match["label"] else ""
        attributes = "_noAttribute" if label else ""
        name = f"section_{match['id']}_{label}{match['number']}{attributes}{path.suffix}"
    if domain and (match := _UNLABELLED.fullmatch(Path(name).stem)):
        name = f"section_{match['section']}_{domain}_{split}_{match['number']}{path.suffix}"
    # A name that does not parse is refused with all others of its kind.
    if domain and name.startswith("section_") and f"_{_OTHER[domain]}_{split}_" in name:
        raise StridorError(
            f"{printable(path)} lies in a folder of the {domain} domain, but its name says {_OTHER[domain]}; move or "
            "rename it."
        )
    return name


_OTHER: dict[Domain, Domain] = {"source": "target", "target": "source"}
