"""The manifest of a detector: one row for each clip of its machines, with everything that later stages need."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

from stridor.audio.files import probe
from stridor.common.atomic import atomic_file
from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.data.names import AUDIO_SUFFIXES, DOMAINS, LABELS, Domain, Kind, Label, Split, parse_clip_name
from stridor.data.tables import check_known, numbers_of, read_table, write_table

# Length of one column of patches: 16 frames of 25 ms, 10 ms apart.
SHORTEST_SECONDS = 0.175
SPLITS: tuple[Split, ...] = ("train", "test", "supplemental")


@dataclass(frozen=True)
class Clip:
    """One recording on disk.

    Attributes
    ----------
    path : str
        Relative to the project's root, with forward slashes.
    domain, label, kind
        None where the name does not contain it or where it does not apply.
    seconds : float
        Length of the file as stored, at its own sampling rate.
    md5 : str
        Hash of the file's bytes. Later stages depend on the manifest, not on data/, so that a changed clip retrains
        only its own detector.
    """

    path: str
    machine: str
    split: Split
    section: str
    domain: Domain | None
    label: Label | None
    kind: Kind | None
    attributes: str
    seconds: float
    sample_rate_hz: int
    channels: int
    md5: str

    @property
    def file_name(self) -> str:
        """The name without folders, as used in official result files."""
        return Path(self.path).name


_COLUMNS = [field.name for field in fields(Clip)]
_NUMBERS = {"seconds": float, "sample_rate_hz": int, "channels": int}
# Only in these is an empty cell a missing value: a machine may be called "NA" or "None".
_OPTIONAL = ("domain", "label", "kind")
_KNOWN = {"split": SPLITS, "domain": ("", *DOMAINS), "label": ("", *LABELS), "kind": ("", *get_args(Kind))}


@dataclass(frozen=True)
class Manifest:
    """All clips of a detector's machines, in a fixed order."""

    clips: tuple[Clip, ...]

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines in their order of appearance."""
        return tuple(dict.fromkeys(clip.machine for clip in self.clips))

    def select(
        self,
        split: Split,
        machine: str | None = None,
        kind: Kind | None = None,
        domain: Domain | None = None,
    ) -> list[Clip]:
        """Return the clips of a split, narrowed to a machine, a supplemental kind or a domain if given."""
        return [
            clip
            for clip in self.clips
            if clip.split == split
            and machine in (None, clip.machine)
            and kind in (None, clip.kind)
            and domain in (None, clip.domain)
        ]

    def write(self, path: Path) -> None:
        """Write the manifest as CSV."""
        with atomic_file(path) as temporary:
            write_table(temporary, _COLUMNS, (asdict(clip) for clip in self.clips))

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a manifest written by `write`.

        Raises
        ------
        StridorError
            If the file is missing or not a manifest.
        """
        try:
            return cls(tuple(_clip_of(row) for row in read_table(path, _COLUMNS)))
        except FileNotFoundError:
            raise StridorError(f"{path} is missing; run 'dvc repro' so that the augment stage writes it.") from None
        except ValueError as error:
            raise StridorError(
                f"{path} is not a manifest ({error}); run 'dvc repro --force' so that the augment stage writes it "
                "again."
            ) from None


def build_manifest(data: Path, machines: tuple[str, ...], root: Path = Path()) -> Manifest:
    """Read the header of every clip of the given machines.

    Parameters
    ----------
    data : Path
        Folder with one folder per machine, in the DCASE layout `<machine>/{train,test,supplemental}/`.
    machines : tuple of str
    root : Path
        Folder that the paths in the manifest are relative to.

    Raises
    ------
    StridorError
        If a machine has no folder or fewer than two training clips, or a clip cannot be read, is too short or
        its name does not parse.
    """
    clips = []
    for machine in machines:
        folder = data / machine
        if not folder.is_dir():
            raise StridorError(
                f"{folder} is missing although params.yaml names the machine '{machine}'; run 'make data' "
                "for the demo machines or 'stridor data import <folder>' for recordings of your own."
            )
        machine_clips = [
            _describe(path, machine, split, root) for split in SPLITS for path in audio_files(folder / split)
        ]
        references = sum(clip.split == "train" for clip in machine_clips)
        if references < 2:
            raise StridorError(
                f"{folder / 'train'} contains {references or 'no'} normal clips; at least 2 are needed, "
                "since the threshold comes from the distance of each to the others."
            )
        clips += machine_clips
    return Manifest(tuple(clips))


def audio_files(folder: Path) -> list[Path]:
    """Return a folder's audio files in the order of their names; extensions may be upper case."""
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
    )


def _clip_of(row: dict[str, str]) -> Clip:
    numbers = numbers_of(row, _NUMBERS)
    if min(numbers.values()) <= 0:
        raise ValueError(f"{row['path']} has a length, a rate or a number of channels of 0 or less")
    for name, known in _KNOWN.items():
        check_known(row, name, known)
    absent = {name: None for name in _OPTIONAL if not row[name]}
    values: dict[str, Any] = row | numbers | absent
    return Clip(**values)


def _describe(path: Path, machine: str, split: Split, root: Path) -> Clip:
    name = parse_clip_name(path.name, split)
    info = probe(path)
    if info.seconds < SHORTEST_SECONDS:
        raise StridorError(
            f"{path} lasts {info.seconds:.4f} s; the encoder needs at least {SHORTEST_SECONDS} s, remove it."
        )
    return Clip(
        path=path.relative_to(root).as_posix(),
        machine=machine,
        split=split,
        section=name.section,
        domain=name.domain,
        label=name.label,
        kind=name.kind,
        attributes=json.dumps(name.attributes, sort_keys=True, ensure_ascii=False),
        seconds=round(info.seconds, 6),
        sample_rate_hz=info.sample_rate_hz,
        channels=info.channels,
        md5=file_md5(path),
    )
