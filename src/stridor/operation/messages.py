"""What a watch tells others: an entry of its journal as a short message."""

import math
from typing import Any, Literal

Events = Literal["alarms", "all"]

_OF_A_RECORDING = (
    "number", "time", "file", "machine", "score", "threshold", "p_value", "anomalous", "alarm", "error",
)  # fmt: skip
_OF_DRIFT = ("number", "time", "drifted", "text")


def message_of(entry: dict[str, Any], rule: tuple[int, int], events: Events = "alarms") -> dict[str, Any] | None:
    """Return the message for an entry, or None if nobody asked for it.

    Parameters
    ----------
    entry : dict
        A line of the journal.
    rule : (int, int)
        (k, n), by which alarms are raised.
    events : str
        "alarms" stands for alarms that are raised and drift that is found; "all" for every recording and report.
    """
    if entry["event"] == "drift" and (entry["drifted"] or events == "all"):
        return _some(entry, "drift", _OF_DRIFT)
    if entry["event"] != "recording":
        return None
    if entry.get("raised"):
        return _some(entry, "alarm", _OF_A_RECORDING) | {"text": alarm_text(entry, rule)}
    return _some(entry, "recording", _OF_A_RECORDING) if events == "all" else None


def alarm_text(entry: dict[str, Any], rule: tuple[int, int]) -> str:
    """Return an alarm in words."""
    count, among = rule
    which = "a recording is" if among == 1 else f"{count} of the last {among} recordings are"
    return f"{which} anomalous ({entry['machine']}), {entry['file']} at {entry['time']}"


def _some(entry: dict[str, Any], event: str, keys: tuple[str, ...]) -> dict[str, Any]:
    return {"event": event} | {key: _plain(entry[key]) for key in keys if key in entry}


def _plain(value: object) -> object:
    """Return what every reader of JSON takes: it has no NaN, and names of files may have bytes that are not UTF-8."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
