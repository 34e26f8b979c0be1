"""Verdicts as a table for people, as JSON lines and as CSV."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict

from stridor.common.text import printable
from stridor.serving.listening import Failure
from stridor.serving.verdict import Verdict, clock, share_in_words

COLUMNS = (
    "recording", "machine", "anomalous", "score", "threshold", "p_value", "condition", "clips", "nearest", "seconds",
    "windows", "worst_second", "error",
)  # fmt: skip
TIMELINE_COLUMNS = (
    "recording", "machine", "start_seconds", "seconds", "score", "threshold", "p_value", "flagged", "error",
)  # fmt: skip
SHAPE = "{:<10}{:<36}{:>9}{:>10}  {}"


def table_head() -> str:
    """Return the first line of the table for people."""
    return SHAPE.format("verdict", "normal clips this odd", "score", "worst at", "recording, nearest normal clip")


def table_rows(answer: Verdict | Failure, timeline: bool) -> Iterable[str]:
    """Yield the line of a recording and, if asked for, a line for each of its windows."""
    if isinstance(answer, Failure):
        # Those are listed at the end.
        return
    odd = share_in_words(answer.p_value)
    if answer.beyond_experience:
        odd = f"none of {answer.clips} (curve: {odd.removeprefix('about ')})"
    yield SHAPE.format(
        "ANOMALOUS" if answer.anomalous else "normal",
        odd,
        f"{answer.score:.4g}",
        clock(answer.worst_second) if answer.has_worst_second else "-",
        ", ".join(printable(name) for name in (answer.recording, answer.nearest) if name),
    )
    if timeline:
        for one in answer.windows:
            flagged = "flagged" if one.flagged else ""
            ends = one.start_seconds + one.seconds
            yield SHAPE.format(
                "", share_in_words(one.p_value), f"{one.score:.4g}", clock(one.start_seconds),
                f"to {clock(ends)} {flagged}".rstrip(),
            )  # fmt: skip


def json_line(answer: Verdict | Failure) -> str:
    """Return an answer as one line of JSON; windows are the time line."""
    if isinstance(answer, Failure):
        return json.dumps({"recording": answer.recording, "error": answer.reason})
    return json.dumps({**asdict(answer), "seconds": answer.seconds})


def csv_rows(answer: Verdict | Failure, timeline: bool) -> str:
    """Return the line of a recording as CSV, or with `timeline` the line of each of its windows."""
    columns = TIMELINE_COLUMNS if timeline else COLUMNS
    rows: list[dict[str, object]]
    if isinstance(answer, Failure):
        rows = [{"recording": answer.recording, "error": answer.reason}]
    elif timeline:
        rows = [{**asdict(answer), **asdict(one), "flagged": one.flagged} for one in answer.windows]
    else:
        rows = [{**asdict(answer), "windows": len(answer.windows), "seconds": answer.seconds}]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writerows(
        [{name: printable(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows]
    )
    return text.getvalue().rstrip("\n")
