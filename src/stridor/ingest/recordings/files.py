"""The files below a folder, and which of them an import takes, cuts or leaves out."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stridor.common.text import escape_name
from stridor.data.names import AUDIO_SUFFIXES
from stridor.ingest.recordings.checks import stay_inside
from stridor.ingest.recordings.folder_names import FolderNames, is_hidden

# libsndfile goes by content and reads more names than clips may have; the last row are recordings that it cannot
# read, which must be reported and not overlooked.
RECORDING_SUFFIXES = (
    *AUDIO_SUFFIXES, ".aifc", ".bwf", ".oga", ".opus", ".snd", ".voc", ".wave",
    ".3gp", ".aac", ".amr", ".m4a", ".mka", ".mp4", ".wma",
)  # fmt: skip

HIDDEN = "hidden, or put there by a system"
OUTSIDE = "in no machine's folder"
EXCLUDED = "excluded by --leave-out"


@dataclass(frozen=True)
class LeftOut:
    """An audio file that is not imported; `origin` is its path relative to the imported folder."""

    origin: str
    reason: str


@dataclass(frozen=True)
class FileCount:
    """What became of the audio files below the imported folder, each of which counts once.

    Attributes
    ----------
    found : int
        By their names.
    taken : int
        Imported as they are.
    cut : int
        Cut into clips.
    """

    found: int
    taken: int
    cut: int
    left_out: tuple[LeftOut, ...]

    @property
    def is_complete(self) -> bool:
        """Whether something is known of every file."""
        return self.found == self.taken + self.cut + len(self.left_out)

    def text(self) -> str:
        """Return the sum, and a line with the first file for every reason to leave some out."""
        lines = [
            f"{self.found} audio files were found: {self.taken} taken as they are, {self.cut} cut into clips, "
            f"{len(self.left_out)} left out."
        ]
        for reason, number in Counter(one.reason for one in self.left_out).items():
            first = next(one.origin for one in self.left_out if one.reason == reason)
            lines.append(f"  left out, {reason} ({number}): {first}{f', and {number - 1} more' if number > 1 else ''}")
        return "\n".join(lines)


def is_audio(path: Path) -> bool:
    """Tell whether a file is a recording by its name."""
    return path.suffix.lower() in RECORDING_SUFFIXES


def files_below(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder that is not a folder; links to folders are yielded and not followed."""
    for here, folders, files in os.walk(folder, onerror=_raise):
        links = [name for name in folders if os.path.islink(os.path.join(here, name))]
        folders[:] = sorted(name for name in folders if name not in links)
        yield from (Path(here, name) for name in sorted([*files, *links]))


def machine_files(folder: Path, source: Path, known: FolderNames) -> Iterator[Path]:
    """Yield the files of a machine's folder.

    A link to a folder is followed if it lies directly in the machine's folder and has the name of one that is looked
    for there.

    Raises
    ------
    StridorError
        If such a link leads out of the imported folder, `source`.
    """
    for path in sorted(folder.iterdir()):
        if path.is_symlink() and path.is_dir() and known.means_something(path.name):
            stay_inside(path, source)
            yield from files_below(path)
        elif path.is_dir() and not path.is_symlink():
            yield from files_below(path)
        else:
            yield path


def exclusion(path: Path, folder: Path, known: FolderNames) -> str | None:
    """Return why a file is left out without being looked at; None if it is not."""
    parts = path.relative_to(folder).parts
    if known.is_left_out(parts):
        return EXCLUDED
    return HIDDEN if is_hidden(parts) else None


def note_others(paths: list[Path], folder: Path) -> tuple[str, ...]:
    """Return a note on the files of a machine that are not audio; none if there are none."""
    if not paths:
        return ()
    return (f"left out, not audio by their names ({len(paths)}): {origin_of(paths[0], folder)} first",)


def origin_of(path: Path, source: Path) -> str:
    """Return a file's path relative to a folder, as text that can be stored anywhere."""
    return escape_name(path.relative_to(source).as_posix())


def _raise(error: OSError) -> None:
    raise error
