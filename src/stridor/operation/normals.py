"""Recordings of a machine that is well, cut into clips and checked as an import does it, and embedded."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from stridor.audio.files import read_clip
from stridor.common.errors import StridorError
from stridor.common.text import printable
from stridor.data.names import Domain
from stridor.ingest.recordings.files import files_below, is_audio, origin_of
from stridor.ingest.recordings.folder_names import FolderNames, is_hidden
from stridor.ingest.recordings.plain import Cutting, plan_machine, write_clips
from stridor.ingest.recordings.plain.clip_names import seconds_text
from stridor.ingest.recordings.plain.cutting import LONGEST_CLIP_SECONDS, SHORTEST_CLIP_SECONDS
from stridor.ingest.recordings.plain.folder import PlainFolder, Recording
from stridor.ingest.recordings.plain.plan import PlannedMachine
from stridor.params.sections import AudioParams
from stridor.scoring.embedding import Embedder
from stridor.serving.part_names import part_name

CLIPS_AT_A_TIME = 64


@dataclass(frozen=True, eq=False)
class NormalClips:
    """Clips of a machine that is well.

    Attributes
    ----------
    embeddings : float32 [N x D]
    names : tuple of N str
        The recording's path relative to the folder that was given, and where the clip begins if it is a part of it.
    domains : tuple of N str
    recordings : tuple of N str
        The recording that each clip is of.
    seconds : tuple of N float
    warnings : tuple of str
        What is worth a look, with the names of files.
    """

    embeddings: NDArray[np.float32]
    names: tuple[str, ...]
    domains: tuple[Domain, ...]
    recordings: tuple[str, ...]
    seconds: tuple[float, ...]
    warnings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


def cutting_as(clip_seconds: float, skip_unreadable: bool = False) -> Cutting:
    """Return how recordings are cut into the clips of a detector, as far as an import can cut them as short or long."""
    seconds = min(max(clip_seconds, SHORTEST_CLIP_SECONDS), LONGEST_CLIP_SECONDS)
    return Cutting(seconds, test_share=0, skip_unreadable=skip_unreadable)


def normal_clips(
    paths: Sequence[Path], machine: str, embedder: Embedder, audio: AudioParams, cutting: Cutting,
    domain: Domain | None = None, fewest: int = 2,
) -> NormalClips:  # fmt: skip
    """Cut, check and embed recordings.

    Parameters
    ----------
    paths : sequence of Path
        Files, and folders with files in any depth; what lies in a folder called target within these is of the target
        domain.
    machine : str
    embedder : Embedder
    audio : AudioParams
    cutting : Cutting
    domain : "source" or "target", optional
        Of all recordings, whatever their folders are called.
    fewest : int
        Clips that must remain.

    Raises
    ------
    StridorError
        If a recording cannot be used and is not to be skipped, there are none, or too few clips remain.
    """
    plan = plan_machine(_listed(paths, machine, domain), cutting, audio.channel, fewest)
    names, domains, recordings, seconds, places = [], [], [], [], []
    for recording in plan.recordings:
        survey = recording.survey
        for clip in recording.clips:
            whole = len(survey.pieces) == 1
            start = seconds_text(clip.start / survey.sample_rate_hz)
            names.append(survey.origin if whole else part_name(survey.origin, start))
            recordings.append(survey.origin)
            domains.append(survey.recording.domain or "source")
            seconds.append(clip.frames / survey.sample_rate_hz)
            places.append(clip.path)
    return NormalClips(
        embeddings=_embedded(plan, places, names, embedder, audio),
        names=tuple(names),
        domains=tuple(domains),
        recordings=tuple(recordings),
        seconds=tuple(seconds),
        warnings=(
            *plan.folder.notes,
            *(oddity.note() for oddity in plan.oddities),
            *(f"left out: {one.origin}, {one.reason}" for one in plan.left_out),
        ),
    )


def _listed(paths: Sequence[Path], machine: str, domain: Domain | None) -> PlainFolder:
    found: dict[Path, Recording] = {}
    known = FolderNames()
    for path in map(_absolute, paths):
        if not path.exists():
            raise StridorError(f"{printable(path)} is missing; give a folder of recordings, or audio files.")
        top = path if path.is_dir() else path.parent
        for file in files_below(path) if path.is_dir() else (path,):
            parts = file.relative_to(top).parts
            if path.is_dir() and (is_hidden(parts) or not is_audio(file)):
                continue
            _refuse_other_roles(parts[:-1], file, known)
            said: Domain = next((one for part in parts[:-1] if (one := known.domain(part))), "source")
            found[file] = Recording(file, "normal", domain or said, origin_of(file, top))
    if not found:
        given = ", ".join(printable(path) for path in paths)
        raise StridorError(f"{given} holds no recordings; give a folder of recordings of normal running.")
    origins: dict[str, Path] = {}
    for file, recording in found.items():
        other = origins.setdefault(recording.origin, file)
        if other != file:
            raise StridorError(
                f"{printable(other)} and {printable(file)} would both be called {recording.origin} in the bank; rename "
                "one of them."
            )
    source = Path(os.path.commonpath([file.parent for file in found]))
    recordings = sorted(found.values(), key=lambda one: one.origin)
    return PlainFolder(machine, source, source, tuple(recordings), (), ())


def _refuse_other_roles(folders: tuple[str, ...], file: Path, known: FolderNames) -> None:
    for part in folders:
        if known.role(part) not in (None, "normal"):
            raise StridorError(
                f"{printable(file)} lies in a folder called {printable(part)}, which does not hold recordings of "
                "normal running; give the folder of those."
            )


def _embedded(
    plan: PlannedMachine, places: Sequence[str], names: Sequence[str], embedder: Embedder, audio: AudioParams
) -> NDArray[np.float32]:
    with TemporaryDirectory(prefix="stridor-") as temporary:
        folder = Path(temporary) / plan.machine
        # As files, so that a clip is to the last bit what an import makes of it.
        write_clips(plan, folder)
        rows = []
        for start in range(0, len(places), CLIPS_AT_A_TIME):
            some = slice(start, start + CLIPS_AT_A_TIME)
            waves = [read_clip(folder / place, audio.channel) for place in places[some]]
            rows.append(embedder.embed(waves, names[some]))
    embeddings = np.concatenate(rows)
    for name, row in zip(names, embeddings, strict=True):
        if not np.isfinite(row).all():
            raise StridorError(f"{name} has no finite embedding; look for broken samples in it, or leave it out.")
    return embeddings


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(os.path.expanduser(path)))
