"""Tables of recordings that clients send: every row is answered, with a verdict or with what is wrong with it."""

import base64
import binascii
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stridor.common.compute import cores
from stridor.common.errors import StridorError
from stridor.serving.verdict import Verdict

LARGEST_BYTES = 64 * 2**20
# Longer ones would not be answered in the time that a client waits; windows keep their memory the same.
LONGEST_SECONDS = 600.0
# Decoded and scored together.
ROWS_AT_A_TIME = 16
# MLflow's, after which its server has given the client up.
TIMEOUT = "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT"
_TIMEOUT_SECONDS = 60.0
COLUMNS = (
    "score", "threshold", "anomalous", "nearest", "machine", "p_value", "worst_second", "window_count", "error",
)  # fmt: skip
# MLflow decodes the texts of `dataframe_records` and `dataframe_split`, but not those of `inputs` and `instances`.
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")

_logger = logging.getLogger(__name__)
# More requests at once would only share the cores, and add up their memory.
_places = threading.BoundedSemaphore(cores())


class OutOfTimeError(Exception):
    """The client is not waiting any more."""


@dataclass(frozen=True)
class Row:
    """One recording of a request.

    Attributes
    ----------
    name : str
        For messages.
    audio : bytes
        An audio file.
    machine : str or None
        None where it was left out.
    """

    name: str
    audio: bytes
    machine: str | None


def answer(table: pd.DataFrame, score: Callable[[Sequence[Row]], Sequence[Verdict]]) -> tuple[pd.DataFrame, list[str]]:
    """Answer a request, and return what is wrong with its rows as well.

    Parameters
    ----------
    table : DataFrame
        Column `audio` holds an audio file per row, as bytes or in base64; column `machine` may be left out.
    score : callable
        Scores some rows, or raises StridorError if one of them cannot be scored.

    Returns
    -------
    DataFrame, a row for each of the input
        With `COLUMNS`; where `error` is not None, it is all that the row says.
    list of str
        The errors.

    Raises
    ------
    OutOfTimeError
        If it takes longer than the client waits.
    """
    deadline = time.monotonic() + _timeout_seconds()
    answers: list[Verdict | str] = []
    with _place(deadline):
        for start in range(0, len(table), ROWS_AT_A_TIME):
            if time.monotonic() > deadline:
                raise OutOfTimeError
            answers += _some(table.iloc[start : start + ROWS_AT_A_TIME], start, score)
    rows = [
        [*[None] * (len(COLUMNS) - 1), one] if isinstance(one, str) else [getattr(one, c, None) for c in COLUMNS]
        for one in answers
    ]
    errors = [one for one in answers if isinstance(one, str)]
    if errors:
        # JSON has no NaN, by which Pandas stands for what is missing.
        return pd.DataFrame(rows, columns=list(COLUMNS), index=table.index, dtype=object), errors
    return pd.DataFrame(rows, columns=list(COLUMNS), index=table.index).astype({"error": object}), errors


def read_row(audio: Any, machine: Any, name: str) -> Row:
    """Check one row.

    Raises
    ------
    StridorError
        If it holds no audio or too much, or `machine` is not a name.
    """
    if isinstance(audio, str) or (isinstance(audio, bytes) and _BASE64.fullmatch(audio)):
        # Four letters for three bytes; decoded only if that is not too much.
        _check_size(len(audio) // 4 * 3, name)
        try:
            audio = base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError):
            raise StridorError(f"{name} holds a string that is not base64; give the bytes of an audio file.") from None
    if not isinstance(audio, bytes):
        raise StridorError(f"{name} holds no audio; give the bytes of an audio file in the column 'audio'.")
    _check_size(len(audio), name)
    if machine is None or isinstance(machine, str):
        return Row(name, audio, machine)
    if isinstance(machine, float) and pd.isna(machine):
        return Row(name, audio, None)
    raise StridorError(f"{name} gives a {type(machine).__name__} as machine; give its name as a string.")


def _some(
    table: pd.DataFrame, start: int, score: Callable[[Sequence[Row]], Sequence[Verdict]]
) -> Iterator[Verdict | str]:
    answers: dict[int, Verdict | str] = {}
    rows: dict[int, Row] = {}
    machines = table["machine"].tolist() if "machine" in table else [None] * len(table)
    for number, (audio, machine) in enumerate(zip(table["audio"].tolist(), machines, strict=True)):
        try:
            rows[number] = read_row(audio, machine, f"Row {start + number} of the input")
        except StridorError as error:
            answers[number] = str(error)
    try:
        answers |= zip(rows, score(list(rows.values())) if rows else (), strict=True)
    except Exception as error:
        if len(rows) == 1:
            [(number, row)] = rows.items()
            answers[number] = _complaint(error, row)
        else:
            # One of them cannot be scored: the others are scored without it.
            answers |= {number: _alone(row, score) for number, row in rows.items()}
    return (answers[number] for number in range(len(table)))


def _alone(row: Row, score: Callable[[Sequence[Row]], Sequence[Verdict]]) -> Verdict | str:
    try:
        return score([row])[0]
    except Exception as error:
        return _complaint(error, row)


def _complaint(error: Exception, row: Row) -> str:
    if isinstance(error, StridorError):
        return str(error)
    if isinstance(error, MemoryError) or "allocate" in str(error) or "out of memory" in str(error):
        return f"{row.name} needs more memory than this server has; send a shorter recording."
    # The client gets no traceback; whoever runs the server does.
    _logger.error("%s could not be scored", row.name, exc_info=error)
    return f"{row.name} could not be scored ({type(error).__name__}); the server's log says more."


def _check_size(size: int, name: str) -> None:
    if size > LARGEST_BYTES:
        raise StridorError(
            f"{name} has {size / 2**20:.0f} MiB, and at most {LARGEST_BYTES // 2**20} MiB are taken; send a shorter "
            "recording."
        )


def _timeout_seconds() -> float:
    try:
        return float(os.environ[TIMEOUT])
    except (KeyError, ValueError):
        return _TIMEOUT_SECONDS


@contextmanager
def _place(deadline: float) -> Iterator[None]:
    if not _places.acquire(timeout=max(deadline - time.monotonic(), 0)):
        raise OutOfTimeError
    try:
        yield
    finally:
        _places.release()
