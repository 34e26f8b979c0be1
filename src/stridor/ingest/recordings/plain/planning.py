"""Deciding what becomes of every recording of a plain folder: left out, learnt from, or kept for the test."""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tqdm import tqdm

from stridor.common.errors import StridorError
from stridor.data.manifest import SPLITS
from stridor.data.names import Domain, Split
from stridor.ingest.recordings.checks import refuse
from stridor.ingest.recordings.plain.cutting import Cutting
from stridor.ingest.recordings.plain.folder import DOMAINS, PlainFolder
from stridor.ingest.recordings.plain.oddities import Oddity, find_oddities
from stridor.ingest.recordings.plain.survey import Heard, Piece, listen


@dataclass(frozen=True)
class PlannedClip:
    """A clip to be written: its place in the machine's folder, and the frames of the recording it is cut from."""

    place: str
    start: int
    frames: int

    @property
    def split(self) -> Split:
        """The folder that the clip goes to."""
        return next(split for split in SPLITS if self.place.startswith(f"{split}/"))


@dataclass(frozen=True)
class PlannedRecording:
    """A recording and its clips, none if all of it is left out."""

    heard: Heard
    clips: tuple[PlannedClip, ...]


@dataclass(frozen=True)
class PlannedMachine:
    """A plain folder whose clips may be written.

    Attributes
    ----------
    origins : str
        The machine's attributes_00.csv: clip, recording and start, with the recording's path in words of its own.
    notes : tuple of str
        On the whole machine.
    """

    folder: PlainFolder
    cutting: Cutting
    recordings: tuple[PlannedRecording, ...]
    origins: str
    oddities: tuple[Oddity, ...]
    notes: tuple[str, ...]

    @property
    def machine(self) -> str:
        """The machine's name."""
        return self.folder.machine


def plan_machine(folder: PlainFolder, cutting: Cutting, channel: int | Literal["mean"]) -> PlannedMachine:
    """Listen to all recordings of a machine and plan its clips; nothing is written.

    The recordings that are kept for the test are those with the smallest digests of their samples: it depends on
    nothing else, so that the same recordings give the same split under any name and in any order.

    Raises
    ------
    StridorError
        If a recording cannot be used (and is not to be skipped), two folders hold the same sound, or fewer than two
        training clips remain.
    """
    heard, unusable = _listen_all(folder, cutting, channel)
    kept, left_out = _without_copies(heard)
    test, notes = _test_recordings([one for one in heard if kept[one.origin]], cutting, kept)
    recordings = _name_clips(heard, kept, test)
    _require_training_clips(folder, recordings)
    return PlannedMachine(
        folder=folder,
        cutting=cutting,
        recordings=recordings,
        origins=_origins(folder.machine, recordings),
        oddities=(*unusable, *left_out, *find_oddities(heard, cutting.clip_seconds)),
        notes=(*folder.notes, *notes),
    )


def _listen_all(
    folder: PlainFolder, cutting: Cutting, channel: int | Literal["mean"]
) -> tuple[list[Heard], list[Oddity]]:
    heard: list[Heard] = []
    problems: list[tuple[str, str]] = []
    skipped: list[str] = []
    for recording in tqdm(folder.recordings, folder.machine, unit="recording", leave=False, disable=None):
        try:
            heard.append(listen(recording, cutting.clip_seconds, channel))
        except StridorError as error:
            problems.append((recording.origin, str(error)))
            # The report is kept with the project, whose readers know nothing of the folder's place.
            skipped.append(str(error).replace(str(recording.path), recording.origin).rstrip("."))
    if problems and not cutting.skip_unreadable:
        refuse(problems, "recordings", "--skip-unreadable leaves such recordings out")
    return heard, [Oddity("recordings skipped as they cannot be used", tuple(skipped))] if skipped else []


def _without_copies(heard: list[Heard]) -> tuple[dict[str, list[Piece]], list[Oddity]]:
    """Return the pieces to keep of each recording: not silent, and not in another recording already."""
    first: dict[bytes, Heard] = {}
    kept: dict[str, list[Piece]] = {}
    silent, copies = [], []
    for one in heard:
        kept[one.origin] = []
        twins: Counter[str] = Counter()
        for piece in one.pieces:
            # What repeats within one recording stays together in any split.
            other = first.setdefault(piece.digest, one)
            if piece.silent:
                silent.append(f"{one.origin} from {seconds_text(piece.start / one.sample_rate_hz)} s")
            elif other is one:
                kept[one.origin].append(piece)
            else:
                _refuse_contradiction(other, one)
                twins[other.origin] += 1
        copies += [f"{one.origin}: {number} of {len(one.pieces)}, as in {name}" for name, number in twins.items()]
    found = [
        Oddity("silent clips, left out", tuple(silent)),
        Oddity("recordings with clips that another one holds already, left out", tuple(copies)),
    ]
    return kept, [oddity for oddity in found if oddity.entries]


def _refuse_contradiction(one: Heard, other: Heard) -> None:
    if (one.recording.role, one.recording.domain) != (other.recording.role, other.recording.domain):
        raise StridorError(
            f"{one.recording.path} and {other.recording.path} hold the same sound, but a recording belongs to one "
            "folder; remove one of them."
        )


def _test_recordings(heard: list[Heard], cutting: Cutting, kept: dict[str, list[Piece]]) -> tuple[set[str], list[str]]:
    """Choose the normal recordings of each domain that are kept for the test; return their origins and notes."""
    if not any(one.recording.role == "anomaly" for one in heard):
        return set(), ["there are no anomalies: all normal recordings are learnt from, and nothing can be measured"]
    if not cutting.test_share:
        return set(), ["no normal recordings are kept for the test, so that nothing can be measured"]
    chosen: set[str] = set()
    notes = []
    for domain in DOMAINS:
        normals = [one for one in heard if one.recording.role == "normal" and one.recording.domain == domain]
        if len(normals) == 1:
            notes.append(
                f"there is one normal recording of the {domain} domain: it is learnt from, as pieces of one recording "
                "are no test of each other"
            )
        if len(normals) < 2:
            continue
        number = min(max(1, round(cutting.test_share * len(normals))), len(normals) - 1)
        ranked = sorted(normals, key=lambda one: (one.pieces[0].digest, one.origin))
        chosen |= {one.origin for one in ranked[:number]}
        counts = [sum(len(kept[one.origin]) for one in part) for part in (ranked[:number], ranked[number:])]
        if counts[0] > counts[1]:
            notes.append(
                f"the {domain} domain has more normal clips in test/ than in train/, as its recordings differ in "
                "length; a smaller --test-share or longer recordings cut up beforehand mend it"
            )
    learnt = sum(len(kept[one.origin]) for one in heard if one.recording.role == "normal" and one.origin not in chosen)
    if chosen and learnt < 2:
        return set(), ["there are too few normal recordings to keep one for the test, so that nothing can be measured"]
    return chosen, notes


def _name_clips(heard: list[Heard], kept: dict[str, list[Piece]], test: set[str]) -> tuple[PlannedRecording, ...]:
    numbers: Counter[str] = Counter()
    planned = []
    for index, one in enumerate(heard):
        clips = []
        for piece in kept[one.origin]:
            start = seconds_text(piece.start / one.sample_rate_hz)
            pattern = _pattern(one, f"recording_{index:04d}_second_{start}", one.origin in test)
            stem, _, rest = pattern.partition("*")
            clips.append(PlannedClip(f"{stem}{numbers[stem]:04d}{rest}", piece.start, piece.frames))
            numbers[stem] += 1
        planned.append(PlannedRecording(one, tuple(clips)))
    return tuple(planned)


def _pattern(one: Heard, attributes: str, in_test: bool) -> str:
    """Return a clip's place with * for its number, as `stridor.data.names` reads it."""
    domain: Domain | None = one.recording.domain
    match one.recording.role:
        case "noise":
            return "supplemental/section_00_noise_supplemental_normal_*.wav"
        case "clean":
            return "supplemental/section_00_source_supplemental_machine_*.wav"
        case "anomaly":
            return f"test/section_00_{domain}_test_anomaly_*_{attributes}.wav"
    split = "test" if in_test else "train"
    return f"{split}/section_00_{domain}_{split}_normal_*_{attributes}.wav"


def _require_training_clips(folder: PlainFolder, recordings: Iterable[PlannedRecording]) -> None:
    learnt = sum(clip.split == "train" for recording in recordings for clip in recording.clips)
    if learnt < 2:
        raise StridorError(
            f"{folder.folder / 'normal'} gives {learnt} training clips; a threshold needs at least two, add recordings "
            "of normal running or make the clips shorter by --clip-seconds."
        )


def _origins(machine: str, recordings: Iterable[PlannedRecording]) -> str:
    """Return the table of origins; its pairs are those in the clips' names, as in the tables of DCASE."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["file_name", "d1p", "d1v", "d2p", "d2v", "origin"])
    for index, recording in enumerate(recordings):
        for clip in recording.clips:
            start = seconds_text(clip.start / recording.heard.sample_rate_hz)
            pairs = ["recording", f"{index:04d}", "second", start]
            writer.writerow([f"{machine}/{clip.place}", *pairs, recording.heard.origin])
    return table.getvalue()


def seconds_text(seconds: float) -> str:
    """Return seconds to the millisecond, without needless zeros."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")
