"""Names of a bank's clips that are parts of recordings: the recording, and the second that the clip begins at."""

import re

_FROM = " from "
_PART = re.compile(rf"(?P<recording>.+){_FROM}(?P<start>[0-9.]{{1,12}}) s", re.DOTALL)


def part_name(recording: str, start_seconds: str) -> str:
    """Return the name of the part of a recording that begins at a second, written without unit."""
    return f"{recording}{_FROM}{start_seconds} s"


def split_part_name(name: str) -> tuple[str, float | None]:
    """Return the recording of a clip and the second that it begins at; None for a clip that is a whole recording."""
    part = _PART.fullmatch(name)
    return (part["recording"], float(part["start"])) if part else (name, None)


def is_of(name: str, recording: str) -> bool:
    """Tell whether a clip is a recording or a part of it."""
    return name == recording or name.startswith(f"{recording}{_FROM}")
