"""Result files in the format of the organisers' evaluator, one pair per section of a machine."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError
from stridor.data.names import parse_clip_name


@dataclass(frozen=True, eq=False)
class SectionResults:
    """Scores and decisions of a system for the test clips of one section.

    Attributes
    ----------
    file_names : tuple of N str
        Without folders.
    scores : float64 [N]
    decisions : int64 [N]
        1 for anomalous, 0 for normal.
    """

    file_names: tuple[str, ...]
    scores: NDArray[np.float64]
    decisions: NDArray[np.int64]


def score_file(folder: Path, machine: str, section: str) -> Path:
    """Return the path of a section's scores."""
    return Path(folder) / f"anomaly_score_{machine}_section_{section}_test.csv"


def decision_file(folder: Path, machine: str, section: str) -> Path:
    """Return the path of a section's decisions."""
    return Path(folder) / f"decision_result_{machine}_section_{section}_test.csv"


def write_official(
    folder: Path, machine: str, file_names: Sequence[str], scores: ArrayLike, decisions: ArrayLike
) -> None:
    """Write the results of a machine's test clips, rows sorted by file name.

    Parameters
    ----------
    file_names : N str
        The section in a name determines its file. Folders are dropped, as the evaluator compares names.
    scores : float [N]
        Written with enough digits to read the same number back.
    decisions : int [N], 0 or 1

    Raises
    ------
    StridorError
        If there are no clips, lengths differ, a name occurs twice or a value is impossible.
    """
    names = [PurePath(name).name for name in file_names]
    scores, decisions = np.asarray(scores, dtype=np.float64), np.asarray(decisions)
    if not names or scores.shape != (len(names),) or decisions.shape != (len(names),):
        raise StridorError(
            f"{machine}: {len(names)} file names, scores of shape {scores.shape} and decisions of shape "
            f"{decisions.shape} do not fit together; give one score and one decision for each of the clips."
        )
    if len(set(names)) < len(names):
        duplicate = next(name for name in names if names.count(name) > 1)
        raise StridorError(f"{machine}: two test clips are named {duplicate}; give every clip its own name.")
    if not np.isfinite(scores).all() or not np.isin(decisions, (0, 1)).all():
        raise StridorError(f"{machine}: a score is not finite or a decision is neither 0 nor 1; score the clips again.")
    sections: dict[str, list[int]] = {}
    for i in sorted(range(len(names)), key=names.__getitem__):
        sections.setdefault(parse_clip_name(names[i], "test").section, []).append(i)
    for section, rows in sorted(sections.items()):
        # str of a Python float is the shortest text that reads back as the same number.
        columns = (
            (score_file, [str(float(scores[i])) for i in rows]),
            (decision_file, [str(int(decisions[i])) for i in rows]),
        )
        for path_of, values in columns:
            path = path_of(folder, machine, section)
            with atomic_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(zip((names[i] for i in rows), values, strict=True))


def read_official(folder: Path, machine: str, section: str = "00") -> SectionResults:
    """Read one section's results back.

    Raises
    ------
    StridorError
        If a file is missing or not a result file, or the two do not contain the same clips in the same order.
    """
    scores = _read_rows(score_file(folder, machine, section))
    decisions = _read_rows(decision_file(folder, machine, section))
    if [name for name, _ in scores] != [name for name, _ in decisions]:
        raise StridorError(
            f"{score_file(folder, machine, section)} and {decision_file(Path(), machine, section)} do not contain "
            "the same clips; write both again."
        )
    if not {value for _, value in decisions} <= {0.0, 1.0}:
        raise StridorError(
            f"{decision_file(folder, machine, section)} holds decisions other than 0 and 1; run the evaluate "
            "stage again."
        )
    return SectionResults(
        file_names=tuple(name for name, _ in scores),
        scores=np.array([value for _, value in scores], dtype=np.float64),
        decisions=np.array([value for _, value in decisions]).astype(np.int64),
    )


def _read_rows(path: Path) -> list[tuple[str, float]]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except FileNotFoundError:
        raise StridorError(f"{path} is missing; run the evaluate stage to write it.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise StridorError(f"{path} is not a result file ({error}); run the evaluate stage again.") from None
    read = []
    for number, row in enumerate(rows, start=1):
        try:
            name, value = row[0], float(row[1])
            if len(row) != 2 or not math.isfinite(value):
                raise ValueError
            read.append((name, value))
        except (ValueError, IndexError):
            raise StridorError(
                f"{path}: line {number} is '{','.join(row)[:100]}'; expected 'file name,value' without a header."
            ) from None
    return read
