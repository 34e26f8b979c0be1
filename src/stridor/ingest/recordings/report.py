"""What an import found and did, as records and as a text to read."""

from dataclasses import dataclass
from typing import Literal

from stridor.data.names import Domain, Kind, Label, Split
from stridor.data.needs import ClipKind, missing_for_measures
from stridor.ingest.recordings.files import FileCount

Supplement = Literal["noise", "clean", "both", "none"]


@dataclass(frozen=True)
class ClipCount:
    """How many clips share split, domain, label and kind; None where names do not say it."""

    split: Split
    domain: Domain | None
    label: Label | None
    kind: Kind | None
    clips: int

    def text(self) -> str:
        """Return e.g. "990 source normal"."""
        words = (str(self.clips), self.domain, self.label, self.kind)
        return " ".join(word for word in words if word)


@dataclass(frozen=True)
class MachineReport:
    """One machine; `supplement` is the kind of its supplemental clips."""

    machine: str
    counts: tuple[ClipCount, ...]
    shortest_seconds: float
    longest_seconds: float
    sample_rates_hz: tuple[int, ...]
    channels: tuple[int, ...]
    supplement: Supplement
    notes: tuple[str, ...]

    @property
    def clip_kinds(self) -> list[ClipKind]:
        """What its clips are, one entry for each."""
        return [kind for one in self.counts for kind in [ClipKind(one.split, one.domain, one.label)] * one.clips]

    def text(self) -> str:
        """Return the machine's part of the report, a few lines."""
        lines = [self.machine]
        for split in dict.fromkeys(count.split for count in self.counts):
            parts = [count.text() for count in self.counts if count.split == split]
            lines.append(f"  {split + ':':<14}{', '.join(parts)}")
        low, high = f"{self.shortest_seconds:.2f}", f"{self.longest_seconds:.2f}"
        rates = ", ".join(str(rate) for rate in self.sample_rates_hz)
        channels = ", ".join(str(number) for number in self.channels)
        lines.append(f"  {'length:':<14}{low if low == high else f'{low} to {high}'} s")
        lines.append(f"  {'audio:':<14}{rates} Hz, channels: {channels}")
        lines.append(f"  {'supplement:':<14}{self.supplement}")
        return "\n".join(lines + [f"  note: {note}." for note in self.notes])


@dataclass(frozen=True)
class ImportReport:
    """A whole import: its machines, and which entries of `detectors` in params.yaml came and went."""

    machines: tuple[MachineReport, ...]
    detectors_added: tuple[str, ...]
    detectors_removed: tuple[str, ...]
    files: FileCount
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the report to print."""
        parts = [machine.text() for machine in self.machines]
        parts += [f"note: {note}." for note in self.notes]
        parts.append(self.files.text())
        if self.detectors_removed:
            parts.append(f"params.yaml: removed the detectors {', '.join(self.detectors_removed)}.")
        if self.detectors_added:
            parts.append(f"params.yaml: added the detectors {', '.join(self.detectors_added)}.")
        names = ", ".join(machine.machine for machine in self.machines)
        parts.append(f"Imported into data/ and tracked by data.dvc: {names}.")
        lacking = [
            f"{machine.machine} has no {' and no '.join(missing)}"
            for machine in self.machines
            if (missing := missing_for_measures(machine.clip_kinds))
        ]
        if lacking:
            parts.append(
                f"There are no official measures ({'; '.join(lacking)}), so that 'dvc repro' ends at the stage "
                "evaluate; 'dvc repro index@<detector>' and 'stridor register <detector>' make the detector."
            )
        else:
            parts.append("'dvc repro' runs the pipeline.")
        return "\n".join(parts)
