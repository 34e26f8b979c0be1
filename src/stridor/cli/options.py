"""Kinds of values that options take, and the options of all commands that listen to recordings."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


class UserPath(click.Path):
    """A path in which `~` is the user's home, also where a shell leaves it: after `--from=` in most, and in make."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        return super().convert(os.path.expanduser(value), param, ctx)


detector_option = click.option(
    "--detector", required=True, help="Name of a registered detector, a models:/ address, or a model's folder."
)
machine_option = click.option("--machine", help="The recorded machine; not needed if the detector has only one.")
normals_option = click.option(
    "--normals",
    type=UserPath(path_type=Path),
    help="Folder of the normal recordings that were learnt; by default data/ of the project.",
)

_SCORING = (
    machine_option,
    click.option(
        "--false-alarm-rate",
        type=float,
        help="Share of normal clips of each condition that may be flagged, such as 0.01; nothing is trained again.",
    ),
    click.option(
        "--condition",
        type=click.Choice(["source", "target", "any"]),
        help="Under which condition it was recorded, if you know; by default that of the nearest normal clip.",
    ),
    click.option("--length", type=float, help="Seconds of a window of a long recording; by default as in training."),
    click.option("--hop", type=float, help="Seconds from window to window; by default the length."),
    click.option(
        "--alarm",
        help="K/N: a recording is anomalous if K of some N windows in a row are flagged. One window is enough by "
        "default.",
    ),
)


def scoring_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `ScoringOptions`, which it gets as `options`, and `machine`."""

    @functools.wraps(command)
    def with_options(
        *,
        false_alarm_rate: float | None,
        condition: str | None,
        length: float | None,
        hop: float | None,
        alarm: str | None,
        **others: Any,
    ) -> None:
        from stridor.serving.options import ScoringOptions, parse_alarm

        rule = parse_alarm(alarm) if alarm else (1, 1)
        command(options=ScoringOptions(length, hop, false_alarm_rate, condition, rule), **others)

    for option in reversed(_SCORING):
        with_options = option(with_options)
    return with_options
