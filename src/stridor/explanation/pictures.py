"""Pictures of an explanation: log-mel images with the strongest places, and the time line of a long recording."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from stridor.audio.fbank import HOP_SAMPLES, MEL_BANDS
from stridor.audio.files import SAMPLE_RATE_HZ
from stridor.explanation.explain import Explanation, Sound
from stridor.explanation.oddness import Place, band_of
from stridor.serving.verdict import WindowScore, clock

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

STYLE: "dict[RcKeyType, Any]" = {
    "font.family": "DejaVu Sans", "font.size": 10, "axes.titlelocation": "left", "axes.titlesize": 11,
    # The name of a recording may contain a dollar sign.
    "text.parse_math": False,
}  # fmt: skip
DOTS_PER_INCH = 110
FREQUENCIES_HZ = (125, 250, 500, 1000, 2000, 4000, 7000)
# Okabe and Ito's, distinguishable with any colour vision.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#777777"
# What is drawn at full colour: far beyond normal clips, and what the loudest and the faintest cells are.
FULL_STRENGTH = 3.0
DARKEST, BRIGHTEST = 1.0, 99.8
# A mark smaller than this is drawn as large, in mel bands and seconds.
_SMALLEST_BANDS, _SMALLEST_SECONDS = 4.0, 0.06


def draw_explanation(explanation: Explanation) -> bytes:
    """Draw the window beside the nearest normal clip, and below what differs beside what was expected; PNG."""
    sound, nearest = explanation.sound, explanation.nearest
    start = explanation.window.start_seconds
    with _figure(11.0, 6.2) as (figure, image):
        axes = figure.subplots(2, 2, sharey=True)
        low, high = np.percentile(sound.image, [DARKEST, BRIGHTEST])
        limits = {"vmin": low, "vmax": high, "cmap": "magma"}
        levels = _draw(axes[0, 0], sound.image, start, limits)
        axes[0, 0].set_title("this recording" + (f", from {clock(start)}" if start else ""))
        if nearest is None:
            _say(axes[0, 1], "the nearest normal clip is not there")
        else:
            _draw(axes[0, 1], nearest.image, 0.0, limits)
            axes[0, 1].set_xlim(0, max(_seconds(sound), _seconds(nearest)))
        axes[0, 1].set_title("the nearest normal clip")
        strongest = max(FULL_STRENGTH, float(np.abs(explanation.strength).max()))
        drawn = _draw(
            axes[1, 0], explanation.strength, start, {"vmin": -strongest, "vmax": strongest, "cmap": "RdBu_r"}
        )
        axes[1, 0].set_title("what differs from the nearest normal clips")
        for number, place in enumerate(explanation.places, start=1):
            _mark(axes[0, 0], place, start, number, "white")
            _mark(axes[1, 0], place, start, number, "black")
        figure.colorbar(levels, ax=list(axes[0]), label="level (dB)", pad=0.01)
        bar = figure.colorbar(
            drawn, ax=list(axes[1]), label="times as unusual as the\nstrongest place of a normal clip", pad=0.01
        )
        bar.ax.set_title("louder", fontsize=8)
        bar.ax.text(0, -0.02, "missing", transform=bar.ax.transAxes, va="top", fontsize=8)
        _draw(axes[1, 1], explanation.expected, start, limits)
        axes[1, 1].set_title("what the nearest normal clips would sound like here")
    return image()


def draw_time_line(windows: Sequence[WindowScore]) -> bytes:
    """Draw the scores of a recording in time as shares of the threshold, flagged windows in another colour; PNG."""
    with _figure(11.0, 1.9) as (figure, image):
        axis = figure.subplots()
        heights = [one.score / one.threshold if one.threshold > 0 else 0.0 for one in windows]
        axis.bar(
            [one.start_seconds for one in windows], heights, [one.seconds for one in windows], align="edge",
            color=[ORANGE if one.flagged else BLUE for one in windows], edgecolor="white", linewidth=0.5,
        )  # fmt: skip
        axis.axhline(1.0, color="black", linestyle="--", linewidth=1)
        axis.set_xlim(windows[0].start_seconds, windows[-1].start_seconds + windows[-1].seconds)
        axis.set_ylim(0, 1.08 * max(1.0, *heights))
        axis.set_ylabel("score / threshold")
        axis.xaxis.set_major_formatter(lambda value, _: clock(value).removesuffix(".0"))
        axis.spines[["top", "right"]].set_visible(False)
    return image()


def place_text(place: Place, start: float = 0.0) -> str:
    """Return where a place is, in the words of a table."""
    begins, ends = start + place.start_seconds, start + place.end_seconds
    when = f"{begins:.2f} to {ends:.2f} s" if ends < 60 else f"{clock(begins)} to {clock(ends)}"
    return f"{when}, {_hertz(place.low_hz)} to {_hertz(place.high_hz)} Hz"


def difference_text(place: Place) -> str:
    """Return by how much a place differs."""
    return f"{abs(place.decibels):.0f} dB {'louder' if place.decibels > 0 else 'less'} than normal"


def _hertz(hz: float) -> str:
    return f"{round(hz, -1 if hz < 1000 else -2):,.0f}"


def _seconds(sound: Sound) -> float:
    return len(sound.image) * HOP_SAMPLES / SAMPLE_RATE_HZ


def _draw(axis: Axes, image: np.ndarray, start: float, options: dict[str, Any]) -> Any:
    seconds = len(image) * HOP_SAMPLES / SAMPLE_RATE_HZ
    extent = (start, start + seconds, 0, MEL_BANDS)
    drawn = axis.imshow(image.T, origin="lower", aspect="auto", extent=extent, interpolation="nearest", **options)
    axis.set_yticks([band_of(hz) for hz in FREQUENCIES_HZ], [f"{hz:,}" for hz in FREQUENCIES_HZ])
    axis.set_ylabel("Hz")
    axis.set_xlabel("seconds", labelpad=1)
    return drawn


def _mark(axis: Axes, place: Place, start: float, number: int, colour: str) -> None:
    low, high = band_of(place.low_hz), band_of(place.high_hz)
    left, right = start + place.start_seconds, start + place.end_seconds
    more_bands, more_seconds = max(0.0, _SMALLEST_BANDS - high + low), max(0.0, _SMALLEST_SECONDS - right + left)
    low, left = low - more_bands / 2, left - more_seconds / 2
    width, height = right - left + more_seconds / 2, high - low + more_bands / 2
    axis.add_patch(Rectangle((left, low), width, height, fill=False, edgecolor=colour, linewidth=1.6))
    inside = low + height > 0.93 * MEL_BANDS
    axis.annotate(
        str(number), (left, low + height), textcoords="offset points", xytext=(3, -3 if inside else 2), color=colour,
        fontweight="bold", fontsize=11, annotation_clip=True, va="top" if inside else "bottom",
    )  # fmt: skip


def _say(axis: Axes, text: str) -> None:
    axis.set_facecolor("#eeeeee")
    axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", color=GREY)
    axis.set_xticks([])


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple[Figure, Any]]:
    """Yield a figure, and a function that returns it as a PNG without time and version, so that equals are equal."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained", dpi=DOTS_PER_INCH)
        FigureCanvasAgg(figure)

        def image() -> bytes:
            encoded = io.BytesIO()
            figure.savefig(encoded, format="png", metadata={"Software": None})
            return encoded.getvalue()

        yield figure, image
