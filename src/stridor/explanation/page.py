"""The pages of a recording, of a folder and of the app: HTML files that need nothing beside them."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import soundfile as sf
from jinja2 import Environment, FunctionLoader, StrictUndefined

from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.common.text import printable
from stridor.explanation.explain import Explanation
from stridor.explanation.pictures import difference_text, draw_explanation, draw_time_line, place_text
from stridor.serving.listening import Failure
from stridor.serving.verdict import Verdict, clock

_PARTS_OF_TIME_LINE = 120


@dataclass(frozen=True)
class Listen:
    """Something to listen to: what it is, an address, and the name of the file to save it as."""

    title: str
    address: str
    file_name: str


@dataclass(frozen=True)
class Row:
    """A recording in the page of a folder; `page` is None where none was written."""

    verdict: Verdict
    page: str | None


def recording_page(explanation: Explanation, detector: str, confirm: str | None = None) -> str:
    """Return the page of a recording, with pictures and audio inside.

    Parameters
    ----------
    explanation : Explanation
    detector : str
        What the user calls it.
    confirm : str, optional
        The address that "this was fine" is sent to, in a page that the app serves.
    """
    verdict, start = explanation.verdict, explanation.window.start_seconds
    places = [
        {
            "where": place_text(place, start), "differs": difference_text(place), "start": place.start_seconds,
            "end": place.end_seconds, "strength": f"{place.strength:.1f}", "as_strong": place.as_strong,
            "clips": place.clips,
        }
        for place in explanation.places
    ]  # fmt: skip
    many = len(verdict.windows) > 1
    return _render(
        "recording.html",
        name=printable(verdict.recording),
        detector=printable(detector),
        verdict=verdict,
        oddness=verdict.oddness(),
        nearest=printable(verdict.nearest),
        window=f"{clock(start)} to {clock(start + explanation.window.seconds)}" if many else "",
        picture=_data("image/png", draw_explanation(explanation)),
        time_line=_data("image/png", draw_time_line(verdict.windows)) if many else None,
        places=places,
        sounds=_sounds(explanation),
        not_separated=explanation.not_separated,
        confirm=confirm,
    )


def folder_page(rows: Sequence[Row], failures: Sequence[Failure], detector: str) -> str:
    """Return the page of a folder: its recordings, the oddest first, and what could not be scored."""
    ordered = sorted(rows, key=lambda row: (not row.verdict.anomalous, row.verdict.p_value, -row.verdict.score))
    shown = [
        {
            "verdict": row.verdict, "name": printable(row.verdict.recording), "page": row.page,
            "oddness": row.verdict.oddness(), "worst": clock(row.verdict.worst_second),
            "many": len(row.verdict.windows) > 1, "bars": _bars(row.verdict), "nearest": printable(row.verdict.nearest),
        }
        for row in ordered
    ]  # fmt: skip
    anomalous = sum(row.verdict.anomalous for row in rows)
    return _render("index.html", rows=shown, failures=failures, anomalous=anomalous, detector=printable(detector))


def app_page(detectors: Sequence[str], largest_mib: int, longest_seconds: float) -> str:
    """Return the page of the app, where recordings are dropped."""
    return _render("app.html", detectors=detectors, largest_mib=largest_mib, longest_seconds=f"{longest_seconds:g}")


def wav_bytes(wave: np.ndarray) -> bytes:
    """Return a wave at 16 kHz as a WAV file; what is beyond full scale is clipped."""
    encoded = io.BytesIO()
    sf.write(encoded, np.clip(wave, -1.0, 1.0), SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return encoded.getvalue()


def _sounds(explanation: Explanation) -> list[Listen]:
    sounds = [("this recording", explanation.sound.wave, "recording")]
    if explanation.nearest is not None:
        sounds.append(("the nearest normal clip", explanation.nearest.wave, "nearest_normal"))
    if explanation.separated is not None:
        sounds.append(("the machine alone", explanation.separated.machine, "machine"))
        sounds.append(("the remainder", explanation.separated.remainder, "remainder"))
    return [Listen(title, _data("audio/wav", wav_bytes(wave)), f"{name}.wav") for title, wave, name in sounds]


def _bars(verdict: Verdict) -> list[dict[str, Any]]:
    """Return the time line as bars of a hundred: of very many windows, the oddest of each stretch."""
    windows, seconds = verdict.windows, max(verdict.seconds, 1e-9)
    groups = np.array_split(np.arange(len(windows)), min(len(windows), _PARTS_OF_TIME_LINE))
    bars = []
    for group in groups:
        some = [windows[index] for index in group]
        oddest = min(some, key=lambda one: (not one.flagged, one.p_value))
        height = 50 * min(2.0, oddest.score / oddest.threshold) if oddest.threshold > 0 else 0.0
        left, right = some[0].start_seconds, some[-1].start_seconds + some[-1].seconds
        bars.append({
            "left": round(100 * left / seconds, 2), "width": round(100 * (right - left) / seconds, 2),
            "height": round(height, 1), "flagged": oddest.flagged,
        })  # fmt: skip
    return bars


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    folder = files("stridor.explanation") / "templates"

    def read(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    return Environment(loader=FunctionLoader(read), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                       lstrip_blocks=True)  # fmt: skip
