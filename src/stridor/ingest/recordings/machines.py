"""Finding the machines below a folder, in the DCASE layout or plain."""

from dataclasses import dataclass
from pathlib import Path

from stridor.common.errors import StridorError
from stridor.common.text import printable
from stridor.ingest.recordings.checks import check_machine_name, distinct_machines, machine_name, stay_inside
from stridor.ingest.recordings.dcase_layout import MachineFolder, list_dcase
from stridor.ingest.recordings.files import (
    EXCLUDED,
    HIDDEN,
    OUTSIDE,
    LeftOut,
    files_below,
    is_audio,
    machine_files,
    origin_of,
)
from stridor.ingest.recordings.folder_names import FolderNames, is_hidden, split_of
from stridor.ingest.recordings.plain.folder import PlainFolder, list_plain

NO_NAMES = FolderNames()


@dataclass(frozen=True)
class Source:
    """The machines below a folder.

    Attributes
    ----------
    found : int
        Audio files, by their names.
    left_out : tuple of LeftOut
        Those that are in no machine's folder.
    """

    machines: tuple[MachineFolder | PlainFolder, ...]
    found: int
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


@dataclass
class _Search:
    """What was found so far."""

    source: Path
    names: FolderNames
    machines: list[Path]
    others: list[tuple[Path, str]]
    followed: set[Path]


def find_machines(source: Path, names: FolderNames = NO_NAMES) -> Source:
    """List the machines below a folder, or of one machine's folder itself.

    A folder is a machine's if it holds a folder of the DCASE layout (train/, test/, supplemental/, source_test/,
    target_test/), or a plain one: normal/, anomaly/, noise/, clean/ or a word that means the same, maybe within
    source/ or target/. Machines may lie at any depth, and get the names of the folders on the way: `fan/id_00` becomes
    fan_id_00.

    Parameters
    ----------
    source : Path
        Links are followed inside it only, as a link that leads out of it could bring in any file.
    names : FolderNames
        What folders are called beside the usual words.

    Raises
    ------
    StridorError
        If there is no such folder, it holds no machine, a machine's name does not follow the rule, a folder has both
        layouts, what an audio file of a machine is cannot be told, or a link leads out.
    """
    if not source.is_dir():
        raise StridorError(
            f"{printable(source)} is not a folder; expected one that holds <machine>/normal or <machine>/train."
        )
    search = _Search(source.resolve(), names, [], [], set())
    _search(source, search)
    if not search.machines:
        raise StridorError(_no_machine(source, search))
    named = {folder: _name(folder, source) for folder in search.machines}
    distinct_machines(named)
    machines = tuple(_list(folder, name, source, names) for folder, name in named.items())
    files = {path for folder in named for path in machine_files(folder, search.source, names) if _counts(path)}
    files |= {path for path, _ in search.others}
    return Source(
        machines=machines,
        found=len(files),
        left_out=tuple(LeftOut(origin_of(path, source), reason) for path, reason in search.others),
        notes=tuple(_notes(source, search)),
    )


def _search(folder: Path, search: _Search) -> None:
    if _is_plain(folder, search.names) or _is_dcase(folder):
        search.machines.append(folder)
        return
    for path in sorted(folder.iterdir()):
        excluded = EXCLUDED if search.names.is_left_out((path.name,)) else HIDDEN if is_hidden((path.name,)) else None
        if not path.is_dir():
            if _counts(path):
                search.others.append((path, excluded or OUTSIDE))
        elif excluded:
            if not path.is_symlink():
                search.others += [(file, excluded) for file in files_below(path) if _counts(file)]
        elif not path.is_symlink():
            _search(path, search)
        elif not folder.resolve().is_relative_to(path.resolve()) and path.resolve() not in search.followed:
            # Other links lead back to a folder that was searched, and may do so without an end.
            stay_inside(path, search.source)
            search.followed.add(path.resolve())
            _search(path, search)


def _counts(path: Path) -> bool:
    return is_audio(path) and not path.is_dir()


def _is_plain(folder: Path, names: FolderNames) -> bool:
    children = [path for path in folder.iterdir() if path.is_dir() and not is_hidden((path.name,))]
    if any(names.role(path.name) for path in children):
        return True
    return any(
        names.role(below.name) and below.is_dir()
        for path in children
        if names.domain(path.name)
        for below in path.iterdir()
    )


def _is_dcase(folder: Path) -> bool:
    return any(split_of(path.name) and path.is_dir() for path in folder.iterdir())


def _name(folder: Path, source: Path) -> str:
    if folder == source:
        return machine_name(folder)
    return check_machine_name("_".join(folder.relative_to(source).parts), folder)


def _list(folder: Path, name: str, source: Path, names: FolderNames) -> MachineFolder | PlainFolder:
    stay_inside(folder, source.resolve())
    if not _is_plain(folder, names):
        return list_dcase(folder, name, source, names)
    if _is_dcase(folder):
        raise StridorError(
            f"{printable(folder)} holds folders of both layouts, normal/ and train/ for example; keep one machine's "
            "recordings in one of them."
        )
    return list_plain(folder, name, source, names)


def _no_machine(source: Path, search: _Search) -> str:
    folders = [path for path in sorted(source.iterdir()) if path.is_dir() and not is_hidden((path.name,))]
    there = ""
    if stray := [path for path, reason in search.others if reason == OUTSIDE]:
        first = printable(stray[0].relative_to(source))
        there = f" (it holds {len(stray)} audio files of which no folder says what they are, {first} first)"
    elif folders:
        there = f" (it holds {printable(folders[0].name)}/)"
    return (
        f"{printable(source)} holds no machine{there}; expected <machine>/normal and <machine>/anomaly with any "
        "recordings, other names of these folders given by --normal and --anomaly, or <machine>/train with clips named "
        "section_00_<source|target>_train_normal_<number>_<attributes or noAttribute>.wav."
    )


def _notes(source: Path, search: _Search) -> list[str]:
    """Return a note on every folder beside the machines that has none of them in it."""
    if search.machines == [source]:
        return []
    notes = []
    for path in sorted(source.iterdir()):
        if path.is_dir() and not is_hidden((path.name,)) and not search.names.is_left_out((path.name,)):
            if any(folder.is_relative_to(path) for folder in search.machines):
                continue
            notes.append(
                f"{printable(path.name)}/ is left out, it holds neither normal/ nor train/, test/ or supplemental/; "
                "other names are given by --normal and --anomaly"
            )
    return notes
