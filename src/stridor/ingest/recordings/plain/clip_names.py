"""The names of clips that are cut from recordings, and the table that says where each comes from."""

import csv
import io
from collections import Counter
from collections.abc import Iterable

from stridor.data.names import Domain
from stridor.ingest.recordings.plain.plan import PlannedClip, PlannedRecording
from stridor.ingest.recordings.plain.survey import Piece, Survey


def name_clips(surveys: list[Survey], kept: dict[str, list[Piece]], test: set[str]) -> tuple[PlannedRecording, ...]:
    numbers: Counter[str] = Counter()
    planned = []
    for index, one in enumerate(surveys):
        clips = []
        for piece in kept[one.origin]:
            start = seconds_text(piece.start / one.sample_rate_hz)
            pattern = _pattern(one, f"recording_{index:04d}_second_{start}", one.origin in test)
            stem, _, rest = pattern.partition("*")
            clips.append(PlannedClip(f"{stem}{numbers[stem]:04d}{rest}", piece.start, piece.frames))
            numbers[stem] += 1
        planned.append(PlannedRecording(one, tuple(clips)))
    return tuple(planned)


def _pattern(one: Survey, attributes: str, in_test: bool) -> str:
    """Return a clip's path with * for its number, as `stridor.data.names` reads it."""
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


def table_of_origins(machine: str, recordings: Iterable[PlannedRecording]) -> str:
    """Return the table of origins; its pairs are those in the clips' names, as in the tables of DCASE."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["file_name", "d1p", "d1v", "d2p", "d2v", "origin"])
    for index, recording in enumerate(recordings):
        for clip in recording.clips:
            start = seconds_text(clip.start / recording.survey.sample_rate_hz)
            pairs = ["recording", f"{index:04d}", "second", start]
            writer.writerow([f"{machine}/{clip.path}", *pairs, recording.survey.origin])
    return table.getvalue()


def seconds_text(seconds: float) -> str:
    """Return seconds to the millisecond, without needless zeros."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")
