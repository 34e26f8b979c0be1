"""Listing a plain machine folder: normal/, anomaly/, noise/ and clean/, each with files in any depth."""

from dataclasses import dataclass
from pathlib import Path

from stridor.common.errors import StridorError
from stridor.common.text import printable
from stridor.data.names import Domain, Kind, Label
from stridor.ingest.recordings.checks import stay_inside
from stridor.ingest.recordings.files import LeftOut, exclusion, is_audio, machine_files, note_others, origin_of
from stridor.ingest.recordings.folder_names import FolderNames, Role


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
        The path relative to the machine's folder, with forward slashes, and escaped by `common.text.escape_name`.
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
    """One machine's recordings before they were read, in order of their origin.

    Attributes
    ----------
    source : Path
        The imported folder.
    left_out : tuple of LeftOut
        Audio files that are not looked at.
    notes : tuple of str
        On other files.
    """

    machine: str
    folder: Path
    source: Path
    recordings: tuple[Recording, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def list_plain(folder: Path, machine: str, source: Path, names: FolderNames) -> PlainFolder:
    """List a machine's recordings.

    Parameters
    ----------
    folder : Path
        Holds normal/ and maybe anomaly/, noise/, clean/, or words that mean the same. What lies below a folder
        called target, within these or around them, belongs to the target domain, all else to the source domain.
    source : Path
        The imported folder; links do not lead out of it.

    Raises
    ------
    StridorError
        If what a recording is cannot be told from the folders around it, there are none of normal running, or a link
        leads out.
    """
    recordings, unknown, left_out, others = [], [], [], []
    for path in machine_files(folder, source.resolve(), names):
        reason = exclusion(path, folder, names)
        if not is_audio(path) or path.is_dir():
            if reason is None and path.parent != folder:
                others.append(path)
        elif reason:
            left_out.append(LeftOut(origin_of(path, source), reason))
        elif (found := _role_and_domain(path, folder, names)) is None:
            unknown.append(path)
        else:
            stay_inside(path, source.resolve())
            recordings.append(Recording(path, *found, origin_of(path, folder)))
    if unknown:
        raise StridorError(_unknown(unknown, folder))
    if not any(recording.role == "normal" for recording in recordings):
        raise StridorError(
            f"{printable(folder / 'normal')} holds no recordings; a detector learns from recordings of normal "
            "running, put them there."
        )
    return PlainFolder(
        machine=machine,
        folder=folder,
        source=source,
        recordings=tuple(sorted(recordings, key=lambda one: one.origin)),
        left_out=tuple(left_out),
        notes=note_others(others, folder),
    )


def _role_and_domain(path: Path, folder: Path, names: FolderNames) -> tuple[Role, Domain | None] | None:
    """Return what the folders around a recording say of it; None if they do not say what it is."""
    parts = path.relative_to(folder).parts[:-1]
    depth = next((depth for depth, part in enumerate(parts[:2]) if names.role(part)), None)
    if depth is None or (depth == 1 and names.domain(parts[0]) is None):
        return None
    role, rest = names.role(parts[depth]), (*parts[:depth], *parts[depth + 1 :])
    domains = {domain for part in rest if (domain := names.domain(part))}
    opposite = {"normal": "anomaly", "anomaly": "normal"}.get(str(role))
    if len(domains) > 1 or any(names.role(part) == opposite for part in rest if opposite):
        both = "source and target" if len(domains) > 1 else "normal and anomaly"
        raise StridorError(
            f"{printable(path)} lies in folders of {both}; move it, so that the folders around it say one of them."
        )
    assert role is not None
    return role, None if role in ("noise", "clean") else next(iter(domains), "source")


def _unknown(paths: list[Path], folder: Path) -> str:
    first = paths[0].relative_to(folder).parts
    name = printable(first[0])
    same = [path for path in paths if path.relative_to(folder).parts[0] == first[0]]
    if len(first) == 1:
        loose = [path for path in paths if path.parent == folder]
        more = f" with {len(loose) - 1} more audio files" if len(loose) > 1 else ""
        return (
            f"{printable(paths[0])} lies{more} in the machine's folder itself; move it into normal/, anomaly/, noise/ "
            f"or clean/, or leave it out by --leave-out '{name}'."
        )
    return (
        f"{printable(folder / first[0])} holds {len(same)} audio files ({printable(paths[0].name)} first), and its "
        f"name does not say what they are; rename it to normal, anomaly, noise or clean, say it by --normal '{name}', "
        f"--anomaly '{name}', --noise '{name}' or --clean '{name}', or leave it out by --leave-out '{name}'."
    )
