"""Recordings that are usable and yet worth a look, as what spoils a detector is rarely an error."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from stridor.ingest.recordings.folder_names import ROLES
from stridor.ingest.recordings.plain.survey import Survey

# -60 dB of full scale: a microphone that was muted, or not plugged in.
FAINT_PEAK = 1e-3
SHORT_SHARE = 0.5


@dataclass(frozen=True)
class Oddity:
    """Something that holds for some recordings.

    Attributes
    ----------
    what : str
        What the entries are, in the plural.
    entries : tuple of str
        Each begins with a recording's origin.
    """

    what: str
    entries: tuple[str, ...]

    def note(self) -> str:
        """Return a line that counts the entries and shows the first."""
        rest = f", and {len(self.entries) - 1} more" if len(self.entries) > 1 else ""
        return f"{self.heading()}: {self.entries[0]}{rest}"

    def heading(self) -> str:
        """Return e.g. "clipped recordings (3)"."""
        return f"{self.what} ({len(self.entries)})"


def find_oddities(surveys: list[Survey], clip_seconds: float) -> list[Oddity]:
    """Look for recordings with defects, and for those unlike the others of their folder."""
    found = [
        *_findings(surveys),
        Oddity("recordings that are almost silent", tuple(
            f"{one.origin}: peak {one.peak:.1e} of full scale" for one in surveys if 0 < one.peak < FAINT_PEAK
        )),
        Oddity("recordings much shorter than the others of their folder", tuple(_short(surveys, clip_seconds))),
        Oddity("recordings that end before their header says so", tuple(
            one.origin for one in surveys if one.cut_short
        )),
        Oddity("recordings of anomalies at a sampling rate that no normal one has: the recorder may tell them apart",
               tuple(_other_rates(surveys))),
    ]  # fmt: skip
    return [oddity for oddity in found if oddity.entries]


def _findings(surveys: list[Survey]) -> Iterable[Oddity]:
    for what in dict.fromkeys(what for one in surveys for what in one.findings):
        yield Oddity(what, tuple(f"{one.origin}: {one.findings[what]}" for one in surveys if what in one.findings))


def _short(surveys: list[Survey], clip_seconds: float) -> Iterable[str]:
    for role in ROLES:
        of_role = [one for one in surveys if one.recording.role == role]
        if not of_role:
            continue
        usual = median(one.seconds for one in of_role)
        # A minute among hours is cut into clips as good as theirs.
        limit = SHORT_SHARE * min(usual, clip_seconds)
        yield from (
            f"{one.origin}: {one.seconds:.2f} s, median {usual:.2f} s" for one in of_role if one.seconds < limit
        )


def _other_rates(surveys: list[Survey]) -> Iterable[str]:
    normal = {one.sample_rate_hz for one in surveys if one.recording.role == "normal"}
    for one in surveys:
        if one.recording.role == "anomaly" and one.sample_rate_hz not in normal:
            yield f"{one.origin}: {one.sample_rate_hz} Hz"
