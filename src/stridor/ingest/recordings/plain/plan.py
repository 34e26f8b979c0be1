"""What was decided on the recordings of a plain folder, before anything is written."""

from dataclasses import dataclass

from stridor.data.manifest import SPLITS
from stridor.data.names import Split
from stridor.ingest.recordings.files import LeftOut
from stridor.ingest.recordings.plain.cutting import Cutting
from stridor.ingest.recordings.plain.folder import PlainFolder
from stridor.ingest.recordings.plain.oddities import Oddity
from stridor.ingest.recordings.plain.survey import Survey


@dataclass(frozen=True)
class PlannedClip:
    """A clip to be written: its path in the machine's folder, and the frames of the recording it is cut from."""

    path: str
    start: int
    frames: int

    @property
    def split(self) -> Split:
        """The folder that the clip goes to."""
        return next(split for split in SPLITS if self.path.startswith(f"{split}/"))


@dataclass(frozen=True)
class PlannedRecording:
    """A recording and its clips, none if all of it is left out."""

    survey: Survey
    clips: tuple[PlannedClip, ...]


@dataclass(frozen=True)
class PlannedMachine:
    """A plain folder whose clips may be written.

    Attributes
    ----------
    left_out : tuple of LeftOut
        The audio files of which there is no clip.
    origins : str
        The machine's attributes_00.csv: clip, recording and start, with the path of the recording, escaped.
    notes : tuple of str
        On the whole machine.
    """

    folder: PlainFolder
    cutting: Cutting
    left_out: tuple[LeftOut, ...]
    recordings: tuple[PlannedRecording, ...]
    origins: str
    oddities: tuple[Oddity, ...]
    notes: tuple[str, ...]

    @property
    def machine(self) -> str:
        """The machine's name."""
        return self.folder.machine
