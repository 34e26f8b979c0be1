"""Checking every clip of a machine in the DCASE layout before anything is written."""

import hashlib
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from stridor.audio.files import SAMPLE_RATE_HZ, AudioInfo, probe, read_clip
from stridor.audio.opening import open_sound
from stridor.audio.quality import SignalCheck, is_silent
from stridor.common.errors import StridorError
from stridor.common.text import printable
from stridor.data.manifest import SHORTEST_SECONDS
from stridor.data.names import ClipName, Domain, Kind, Label, Split, parse_clip_name
from stridor.ingest.recordings.attributes import attribute_notes
from stridor.ingest.recordings.checks import refuse
from stridor.ingest.recordings.dcase_layout import ListedClip, MachineFolder
from stridor.ingest.recordings.files import LeftOut
from stridor.ingest.recordings.report import ClipCount, MachineReport, Supplement

_VALUES_PER_BLOCK = 2**20
SHORTEST_SAMPLES = round(SHORTEST_SECONDS * SAMPLE_RATE_HZ)


@dataclass(frozen=True)
class CheckedMachine:
    """A machine that may be imported.

    Attributes
    ----------
    files : tuple of (path, target)
        What to copy, and where to: relative to the machine's folder, with forward slashes.
    """

    machine: str
    files: tuple[tuple[Path, str], ...]
    left_out: tuple[LeftOut, ...]
    report: MachineReport

    @property
    def clips(self) -> int:
        """The number of clips."""
        return sum(count.clips for count in self.report.counts)


@dataclass(frozen=True)
class _Clip:
    path: Path
    file_name: str
    name: ClipName
    info: AudioInfo
    digest: str
    silent: bool
    findings: Mapping[str, str]
    notes: tuple[str, ...]


def check_machine(folder: MachineFolder, channel: int | Literal["mean"]) -> CheckedMachine:
    """Decode every clip of a machine and look for what would go wrong later.

    Parameters
    ----------
    channel : int or "mean"
        What the project reads of a recording with several channels.

    Raises
    ------
    StridorError
        If any clip cannot be used, there are fewer than two training clips, or a test clip is also among the
        clips that are learnt from. All clips are looked at first; the sentence names the first and counts
        the others.
    """
    clips: list[_Clip] = []
    problems: list[tuple[str, str]] = []
    for clip in tqdm(folder.clips, folder.machine, unit="clip", leave=False, disable=None):
        try:
            clips.append(_check_clip(clip, channel))
        except StridorError as error:
            problems.append((clip.path.name, str(error)))
    if problems:
        refuse(problems, "clips")
    train = [clip for clip in clips if clip.name.split == "train"]
    if len(train) < 2:
        raise StridorError(
            f"{folder.folder / 'train'} holds {len(train)} clips; a threshold needs at least two recordings "
            "of normal running."
        )
    twins = _refuse_leaks(clips)
    notes = [*folder.notes, *_notes(clips), *twins, *attribute_notes(folder)]
    places = [(clip.path, f"{clip.name.split}/{clip.file_name}") for clip in clips]
    return CheckedMachine(
        machine=folder.machine,
        left_out=folder.left_out,
        files=(*places, *((table, table.name) for table in folder.tables)),
        report=MachineReport(
            machine=folder.machine,
            counts=_count(clips),
            shortest_seconds=min(clip.info.seconds for clip in clips),
            longest_seconds=max(clip.info.seconds for clip in clips),
            sample_rates_hz=tuple(sorted({clip.info.sample_rate_hz for clip in clips})),
            channels=tuple(sorted({clip.info.channels for clip in clips})),
            supplement=_supplement(clips),
            notes=tuple(notes),
        ),
    )


def _check_clip(listed: ListedClip, channel: int | Literal["mean"]) -> _Clip:
    path, split = listed.path, listed.split
    name = parse_clip_name(listed.name, split)
    if printable(listed.name) != listed.name:
        raise StridorError(
            f"{printable(path)} has characters in its name that cannot be printed or are not UTF-8, and clips keep "
            "their names; rename it."
        )
    info = probe(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wave = read_clip(path, channel)
    if len(wave) < SHORTEST_SAMPLES:
        raise StridorError(
            f"{path} lasts {len(wave) / SAMPLE_RATE_HZ:.4f} s; the encoder needs at least "
            f"{SHORTEST_SECONDS} s, remove the clip."
        )
    silent = is_silent(wave)
    findings = _findings(path, channel, info.sample_rate_hz)
    if silent and split != "test":
        raise StridorError(
            f"{path} is silent, so that nothing can be mixed with it at a signal-to-noise ratio; remove it."
        )
    notes = tuple(str(entry.message).rstrip(".") for entry in caught if entry.category is UserWarning)
    return _Clip(path, listed.name, name, info, _sound_digest(wave), silent, findings, notes)


def _findings(path: Path, channel: int | Literal["mean"], sample_rate_hz: int) -> dict[str, str]:
    check = SignalCheck(channel)
    with open_sound(path) as opened:
        while len(block := opened.read(max(1, _VALUES_PER_BLOCK // opened.sound.channels))):
            check.add(block)
    return check.findings(sample_rate_hz)


def _sound_digest(wave: np.ndarray) -> str:
    """Return a digest of what is heard of a clip, the same in any format."""
    return hashlib.sha256(np.ascontiguousarray(wave).data).hexdigest()


def _refuse_leaks(clips: list[_Clip]) -> list[str]:
    """Return notes on clips that are there twice, or refuse if one of them is a test clip that is learnt."""
    first: dict[str, _Clip] = {}
    twins, leaks = [], []
    # Clips that are learnt from come first, so that a leak is told as the test clip that repeats one.
    for clip in sorted(clips, key=lambda clip: clip.name.split == "test"):
        other = first.setdefault(clip.digest, clip)
        if other is clip:
            continue
        if clip.name.split == "test" and other.name.split != "test":
            sentence = (
                f"{clip.path} holds the same sound as {other.name.split}/{other.path.name}, and a clip that "
                "is learnt cannot be a test; remove one of them."
            )
            leaks.append((clip.path.name, sentence))
        else:
            twins.append(clip.path.name)
    if leaks:
        refuse(leaks, "clips")
    return [_some(twins, "hold the same sound as another clip and count twice")] if twins else []


def _notes(clips: list[_Clip]) -> Iterable[str]:
    yield from (note for clip in clips for note in clip.notes)
    for what in dict.fromkeys(what for clip in clips for what in clip.findings):
        odd = [clip for clip in clips if what in clip.findings]
        yield f"{what} ({len(odd)}): {odd[0].path.name} first, {odd[0].findings[what]}"
    if silent := [clip.path.name for clip in clips if clip.silent]:
        yield _some(silent, "are silent")
    if not any(clip.name.domain == "target" for clip in clips if clip.name.split == "train"):
        yield "train/ has no clips of the target domain"
    test = [clip.name for clip in clips if clip.name.split == "test"]
    labels = {name.label for name in test}
    if not test:
        yield "there are no test clips: the machine gets scores and a threshold, but no AUC"
    elif labels == {None}:
        yield "test clips hide domain and label in their names: they are scored, but there is no AUC"
    elif len(labels - {None}) < 2:
        yield f"test clips are all {next(iter(labels - {None}))}: there is no AUC"
    if _supplement(clips) == "none":
        yield "there are no supplemental clips: training clips are mixed with Gaussian noise"
    if len({clip.info.sample_rate_hz for clip in clips} | {SAMPLE_RATE_HZ}) > 1:
        yield f"clips of other sampling rates are resampled to {SAMPLE_RATE_HZ} Hz whenever they are read"


def _some(names: list[str], what: str) -> str:
    return f"{len(names)} clips {what}, {names[0]} first"


def _supplement(clips: list[_Clip]) -> Supplement:
    kinds = {clip.name.kind for clip in clips if clip.name.kind is not None}
    return "both" if len(kinds) == 2 else next(iter(kinds), "none")


def _count(clips: list[_Clip]) -> tuple[ClipCount, ...]:
    counts: dict[tuple[Split, Domain | None, Label | None, Kind | None], int] = {}
    for clip in clips:
        key = (clip.name.split, clip.name.domain, clip.name.label, clip.name.kind)
        counts[key] = counts.get(key, 0) + 1
    return tuple(ClipCount(*key, clips=number) for key, number in counts.items())
