"""Finding the machines, clips and attribute tables of a folder in the DCASE layout."""

import re
from dataclasses import dataclass
from pathlib import Path

from stridor.data.manifest import SPLITS, audio_files
from stridor.data.names import AUDIO_SUFFIXES, Split
from stridor.errors import StridorError

# A machine's name becomes a folder, a key of params.yaml and part of a stage's name.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*", re.ASCII)


@dataclass(frozen=True)
class MachineFolder:
    """One machine's files before anything in them was looked at.

    Attributes
    ----------
    clips : tuple of (split, path)
    tables : tuple of Path
        The machine's attributes_*.csv.
    notes : tuple of str
        What lies there too and is left out.
    """

    machine: str
    folder: Path
    clips: tuple[tuple[Split, Path], ...]
    tables: tuple[Path, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """The machines of a folder, and notes on what else lies there and is left out."""

    machines: tuple[MachineFolder, ...]
    notes: tuple[str, ...]


def find_machines(source: Path) -> Source:
    """List the machines of `<source>/<machine>/{train,test,supplemental}` or of a machine folder itself.

    Links are followed inside `source` only: a link that leads out of it could bring in any file.

    Raises
    ------
    StridorError
        If there is no such folder, it holds no machine, a machine's name is not plain, or a link leads out.
    """
    if not source.is_dir():
        raise StridorError(f"{source} is no folder; expected one that holds <machine>/train, <machine>/test and so on.")
    listing = [source] if _is_machine(source) else [path for path in _listing(source) if path.is_dir()]
    folders = [path for path in listing if _is_machine(path)]
    if not folders:
        raise StridorError(
            f"{source} holds no machine; expected <machine>/train with clips named "
            "section_00_<source|target>_train_normal_<number>_<attributes or noAttribute>.wav."
        )
    others = [path.name for path in listing if path not in folders]
    notes = [f"{name}/ is left out, it holds neither train/ nor test/ nor supplemental/" for name in others]
    return Source(tuple(_list_machine(folder, source.resolve()) for folder in folders), tuple(notes))


def _is_machine(folder: Path) -> bool:
    return any((folder / split).is_dir() for split in SPLITS)


def _listing(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _list_machine(folder: Path, source: Path) -> MachineFolder:
    # "." has no name of its own, and a linked folder goes by the name of the link.
    machine = folder.name if folder.name not in ("", "..") else folder.resolve().name
    if not _PLAIN_NAME.fullmatch(machine):
        raise StridorError(
            f"{folder} has the machine name '{machine}'; rename it to letters, digits, _ and - only, not "
            "starting with -."
        )
    clips: list[tuple[Split, Path]] = []
    notes = []
    _stay_inside(folder, source)
    for split in SPLITS:
        if not (folder / split).is_dir():
            continue
        _stay_inside(folder / split, source)
        found = audio_files(folder / split)
        clips += [(split, path) for path in found]
        known = set(found)
        if left_out := [path.name for path in _listing(folder / split) if path not in known]:
            notes.append(
                f"{split}/ holds {len(left_out)} more entries that are left out, {left_out[0]} first; clips "
                f"lie directly in {split}/ and end in {', '.join(AUDIO_SUFFIXES)}"
            )
    tables = sorted(folder.glob("attributes_*.csv"))
    for path in [path for _, path in clips] + tables:
        _stay_inside(path, source)
    return MachineFolder(machine, folder, tuple(clips), tuple(tables), tuple(notes))


def _stay_inside(path: Path, source: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(source):
        raise StridorError(
            f"{path} is a link that leads out of the imported folder; copy the folder with the files that "
            "its links mean (cp -rL) and import the copy."
        )
