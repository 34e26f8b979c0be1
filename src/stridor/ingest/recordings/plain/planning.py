"""Deciding what becomes of every recording of a plain folder: left out, learnt from, or kept for the test."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from tqdm import tqdm

from stridor.common.errors import StridorError
from stridor.common.text import printable
from stridor.data.names import DOMAINS
from stridor.ingest.recordings.checks import refuse
from stridor.ingest.recordings.files import LeftOut, origin_of
from stridor.ingest.recordings.plain.clip_names import name_clips, seconds_text, table_of_origins
from stridor.ingest.recordings.plain.cutting import Cutting
from stridor.ingest.recordings.plain.folder import PlainFolder
from stridor.ingest.recordings.plain.oddities import Oddity, find_oddities
from stridor.ingest.recordings.plain.plan import PlannedMachine, PlannedRecording
from stridor.ingest.recordings.plain.survey import Piece, Survey, survey

# A threshold needs two.
FEWEST_CLIPS = 2


def plan_machine(
    folder: PlainFolder, cutting: Cutting, channel: int | Literal["mean"], fewest: int = FEWEST_CLIPS
) -> PlannedMachine:
    """Read all recordings of a machine and plan its clips; nothing is written.

    The recordings that are kept for the test are those with the smallest digests of their samples: it depends on
    nothing else, so that the same recordings give the same split under any name and in any order.

    Raises
    ------
    StridorError
        If a recording cannot be used (and is not to be skipped), two folders hold the same sound, or fewer than
        `fewest` training clips remain.
    """
    surveys, skipped, unusable = _survey_all(folder, cutting, channel)
    kept, left_out = _without_copies(surveys)
    test, notes = _test_recordings([one for one in surveys if kept[one.origin]], cutting, kept)
    recordings = name_clips(surveys, kept, test)
    _require_training_clips(folder, recordings, fewest)
    return PlannedMachine(
        folder=folder,
        cutting=cutting,
        left_out=(*folder.left_out, *skipped, *_without_clips(folder, recordings)),
        recordings=recordings,
        origins=table_of_origins(folder.machine, recordings),
        oddities=(*unusable, *left_out, *find_oddities(surveys, cutting.clip_seconds)),
        notes=(*folder.notes, *notes),
    )


def _survey_all(
    folder: PlainFolder, cutting: Cutting, channel: int | Literal["mean"]
) -> tuple[list[Survey], list[LeftOut], list[Oddity]]:
    surveys: list[Survey] = []
    problems: list[tuple[str, str]] = []
    skipped: list[LeftOut] = []
    reasons: list[str] = []
    for recording in tqdm(folder.recordings, folder.machine, unit="recording", leave=False, disable=None):
        try:
            surveys.append(survey(recording, cutting.clip_seconds, channel))
        except StridorError as error:
            problems.append((recording.origin, str(error)))
            # The report is kept with the project, whose readers know nothing of the folder's place.
            reasons.append(str(error).replace(printable(recording.path), recording.origin).rstrip("."))
            skipped.append(LeftOut(origin_of(recording.path, folder.source), "cannot be used"))
    if problems and not cutting.skip_unreadable:
        refuse(problems, "recordings", "--skip-unreadable leaves such recordings out")
    unusable = [Oddity("recordings skipped as they cannot be used", tuple(reasons))] if reasons else []
    return surveys, skipped, unusable


def _without_clips(folder: PlainFolder, recordings: Iterable[PlannedRecording]) -> Iterable[LeftOut]:
    for recording in recordings:
        if not recording.clips:
            silent = all(piece.silent for piece in recording.survey.pieces)
            reason = "silent" if silent else "a copy of what another recording holds"
            yield LeftOut(origin_of(recording.survey.recording.path, folder.source), reason)


def _without_copies(surveys: list[Survey]) -> tuple[dict[str, list[Piece]], list[Oddity]]:
    """Return the pieces to keep of each recording: not silent, and not in another recording already."""
    first: dict[bytes, Survey] = {}
    kept: dict[str, list[Piece]] = {}
    silent, copies = [], []
    for one in surveys:
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


def _refuse_contradiction(one: Survey, other: Survey) -> None:
    if (one.recording.role, one.recording.domain) != (other.recording.role, other.recording.domain):
        paths = " and ".join(printable(survey.recording.path) for survey in (one, other))
        raise StridorError(f"{paths} hold the same sound, but a recording belongs to one folder; remove one of them.")


def _test_recordings(
    surveys: list[Survey], cutting: Cutting, kept: dict[str, list[Piece]]
) -> tuple[set[str], list[str]]:
    """Choose the normal recordings of each domain that are kept for the test; return their origins and notes."""
    if not any(one.recording.role == "anomaly" for one in surveys):
        return set(), ["there are no anomalies: all normal recordings are learnt from, and nothing can be measured"]
    if not cutting.test_share:
        return set(), ["no normal recordings are kept for the test, so that nothing can be measured"]
    chosen: set[str] = set()
    notes = []
    for domain in DOMAINS:
        normals = [one for one in surveys if one.recording.role == "normal" and one.recording.domain == domain]
        if len(normals) == 1:
            notes.append(
                f"there is one normal recording of the {domain} domain: it is learnt from, as pieces of one recording "
                "cannot test each other"
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
                "length; a smaller --test-share or longer recordings cut up beforehand change that"
            )
    learnt = sum(
        len(kept[one.origin]) for one in surveys if one.recording.role == "normal" and one.origin not in chosen
    )
    if chosen and learnt < 2:
        return set(), ["there are too few normal recordings to keep one for the test, so that nothing can be measured"]
    return chosen, notes


def _require_training_clips(folder: PlainFolder, recordings: Iterable[PlannedRecording], fewest: int) -> None:
    learnt = sum(clip.split == "train" for recording in recordings for clip in recording.clips)
    if learnt < fewest:
        clips = "1 training clip" if learnt == 1 else f"{learnt} training clips"
        needed = "a threshold needs at least two" if fewest == FEWEST_CLIPS else f"at least {fewest} are needed"
        raise StridorError(
            f"{printable(folder.folder)} gives {clips}; {needed}, add recordings of normal running or make the clips "
            "shorter by --clip-seconds."
        )
