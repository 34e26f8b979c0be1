"""Finding the machines of a folder, and the clips and attribute tables of those in the DCASE layout."""

from dataclasses import dataclass
from pathlib import Path

from stridor.common.errors import StridorError
from stridor.data.manifest import SPLITS, audio_files
from stridor.data.names import AUDIO_SUFFIXES, Split
from stridor.ingest.recordings.checks import machine_name, stay_inside, visible
from stridor.ingest.recordings.plain.folder import PlainFolder, is_plain, list_plain


@dataclass(frozen=True)
class MachineFolder:
    """The files of one machine in the DCASE layout before anything in them was looked at.

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

    machines: tuple[MachineFolder | PlainFolder, ...]
    notes: tuple[str, ...]


def find_machines(source: Path) -> Source:
    """List the machines of a folder that holds `<machine>/`, or is one machine's folder itself.

    A machine's folder is in the DCASE layout if it holds train/, test/ or supplemental/, and plain if it
    holds normal/, anomaly/, noise/ or clean/. Links are followed inside `source` only: a link that leads out
    of it could bring in any file.

    Raises
    ------
    StridorError
        If there is no such folder, it holds no machine, a machine's name is not plain, a folder is of both
        layouts, or a link leads out.
    """
    if not source.is_dir():
        raise StridorError(f"{source} is no folder; expected one that holds <machine>/normal or <machine>/train.")
    listing = [source] if _is_machine(source) else [path for path in visible(source) if path.is_dir()]
    folders = [path for path in listing if _is_machine(path)]
    if not folders:
        raise StridorError(
            f"{source} holds no machine; expected <machine>/normal with any recordings, or <machine>/train with "
            "clips named section_00_<source|target>_train_normal_<number>_<attributes or noAttribute>.wav."
        )
    others = [path.name for path in listing if path not in folders]
    notes = [f"{name}/ is left out, it holds neither normal/ nor train/, test/ or supplemental/" for name in others]
    return Source(tuple(_list(folder, source.resolve()) for folder in folders), tuple(notes))


def _is_machine(folder: Path) -> bool:
    return is_plain(folder) or _is_dcase(folder)


def _is_dcase(folder: Path) -> bool:
    return any((folder / split).is_dir() for split in SPLITS)


def _list(folder: Path, source: Path) -> MachineFolder | PlainFolder:
    if not is_plain(folder):
        return _list_machine(folder, source)
    if _is_dcase(folder):
        raise StridorError(
            f"{folder} holds folders of both layouts, normal/ and train/ for example; keep one machine's recordings "
            "in one of them."
        )
    return list_plain(folder, source)


def _list_machine(folder: Path, source: Path) -> MachineFolder:
    machine = machine_name(folder)
    clips: list[tuple[Split, Path]] = []
    notes = []
    stay_inside(folder, source)
    for split in SPLITS:
        if not (folder / split).is_dir():
            continue
        stay_inside(folder / split, source)
        found = audio_files(folder / split)
        clips += [(split, path) for path in found]
        known = set(found)
        if left_out := [path.name for path in visible(folder / split) if path not in known]:
            notes.append(
                f"{split}/ holds {len(left_out)} more entries that are left out, {left_out[0]} first; clips "
                f"lie directly in {split}/ and end in {', '.join(AUDIO_SUFFIXES)}"
            )
    tables = sorted(folder.glob("attributes_*.csv"))
    for path in [path for _, path in clips] + tables:
        stay_inside(path, source)
    return MachineFolder(machine, folder, tuple(clips), tuple(tables), tuple(notes))
