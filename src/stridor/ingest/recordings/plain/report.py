"""What was made of a plain folder, as a record to print and as a page to keep."""

from collections import Counter
from collections.abc import Set

from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.data.manifest import SPLITS
from stridor.data.names import Domain, Kind, Label, Split
from stridor.ingest.recordings.plain.clip_names import seconds_text
from stridor.ingest.recordings.plain.plan import PlannedClip, PlannedMachine, PlannedRecording
from stridor.ingest.recordings.report import ClipCount, MachineReport


def machine_report(plan: PlannedMachine) -> MachineReport:
    """Return the report that every import prints, with one note for each kind of oddity."""
    clips = [(recording, clip) for recording in plan.recordings for clip in recording.clips]
    seconds = [clip.frames / recording.survey.sample_rate_hz for recording, clip in clips]
    kinds = {kind for recording, _ in clips if (kind := recording.survey.recording.kind) is not None}
    return MachineReport(
        machine=plan.machine,
        counts=_counts(clips),
        shortest_seconds=min(seconds),
        longest_seconds=max(seconds),
        sample_rates_hz=tuple(sorted({recording.survey.sample_rate_hz for recording, _ in clips})),
        channels=tuple(sorted({recording.survey.channels for recording, _ in clips})),
        supplement="both" if len(kinds) == 2 else next(iter(kinds), "none"),
        notes=(_summary(plan), *_notes(plan, kinds), *(oddity.note() for oddity in plan.oddities)),
    )


def page(plan: PlannedMachine) -> str:
    """Return the report as Markdown, with every odd recording by name.

    It says nothing of time and place, so that the same recordings give the same page.
    """
    report = machine_report(plan)
    lines = [f"# Import of {plan.machine}", "", f"{_summary(plan)}.", ""]
    lines += ["| folder | recordings | length | train | test | supplemental |", "|---|---:|---:|---:|---:|---:|"]
    lines += _rows(plan)
    rates = ", ".join(str(rate) for rate in report.sample_rates_hz)
    channels = ", ".join(str(number) for number in report.channels)
    lines += ["", f"Sampling rates: {rates} Hz; channels: {channels}.", ""]
    lines += [f"- {note[0].upper()}{note[1:]}." for note in _notes(plan, {report.supplement} - {"none"})]
    if plan.oddities:
        lines += ["", "## Worth a look"]
    for oddity in plan.oddities:
        lines += [
            "",
            f"### {oddity.heading()[0].upper()}{oddity.heading()[1:]}",
            "",
            *(f"- {entry}" for entry in oddity.entries),
        ]
    lines += ["", f"`data/{plan.machine}/attributes_00.csv` says for each clip which recording it comes from and the "]
    lines[-1] += "second that it starts at."
    return "\n".join(lines) + "\n"


def _counts(clips: list[tuple[PlannedRecording, PlannedClip]]) -> tuple[ClipCount, ...]:
    counts: Counter[tuple[Split, Domain | None, Label | None, Kind | None]] = Counter()
    for recording, clip in clips:
        found = recording.survey.recording
        counts[(clip.split, found.domain, found.label, found.kind)] += 1
    ordered = sorted(counts.items(), key=lambda item: (SPLITS.index(item[0][0]), str(item[0])))
    return tuple(ClipCount(*key, clips=number) for key, number in ordered)


def _summary(plan: PlannedMachine) -> str:
    seconds = sum(recording.survey.seconds for recording in plan.recordings)
    return (
        f"{len(plan.recordings)} recordings ({_duration(seconds)}) were cut into clips of "
        f"{seconds_text(plan.cutting.clip_seconds)} s"
    )


def _notes(plan: PlannedMachine, kinds: Set[str]) -> list[str]:
    notes = list(plan.notes)
    if not kinds:
        notes.append("there are no noise/ and clean/: training clips are mixed with Gaussian noise")
    if {recording.survey.sample_rate_hz for recording in plan.recordings} != {SAMPLE_RATE_HZ}:
        notes.append(f"clips keep their sampling rate and are resampled to {SAMPLE_RATE_HZ} Hz whenever they are read")
    return notes


def _rows(plan: PlannedMachine) -> list[str]:
    folders: dict[str, list[PlannedRecording]] = {}
    for recording in plan.recordings:
        found = recording.survey.recording
        name = found.role if found.domain is None else f"{found.role}, {found.domain}"
        folders.setdefault(name, []).append(recording)
    rows = []
    for name, recordings in folders.items():
        splits = Counter(clip.split for recording in recordings for clip in recording.clips)
        length = _duration(sum(recording.survey.seconds for recording in recordings))
        cells = " | ".join(str(splits[split]) for split in SPLITS)
        rows.append(f"| {name} | {len(recordings)} | {length} | {cells} |")
    return rows


def _duration(seconds: float) -> str:
    if seconds >= 7200:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 120 else f"{seconds:.1f} s"
