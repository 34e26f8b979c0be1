"""Tables of records as CSV files, without pandas: importing it takes longer than most stages need for their tables."""

import csv
import math
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any


def write_table(path: Path, columns: list[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV; None becomes an empty cell, and equal rows give equal bytes."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_table(path: Path, columns: list[str]) -> list[dict[str, str]]:
    """Read the given columns of a CSV file as text.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a table with these columns.
    """
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        try:
            if missing := set(columns) - set(reader.fieldnames or ()):
                raise ValueError(f"the columns {sorted(missing)} are missing")
            rows = [{name: row[name] for name in columns} for row in reader]
        except csv.Error as error:
            raise ValueError(str(error)) from None
    if any(cell is None for row in rows for cell in row.values()):
        raise ValueError("a row has too few cells")
    return rows


def numbers_of(row: Mapping[str, str], kinds: Mapping[str, type]) -> dict[str, float]:
    """Return the cells that hold numbers.

    Raises
    ------
    ValueError
        If one is not a finite number of its kind; the message names it.
    """
    numbers = {}
    for name, kind in kinds.items():
        try:
            numbers[name] = kind(row[name])
            # An integer beyond every float is taken for infinite.
            is_finite = math.isfinite(numbers[name])
        except OverflowError:
            is_finite = False
        except ValueError:
            raise ValueError(f"{name} is '{row[name][:50]}', not a number") from None
        if not is_finite:
            raise ValueError(f"{name} is '{row[name][:50]}', not a finite number")
    return numbers


def check_known(row: Mapping[str, str], name: str, known: Collection[str]) -> None:
    """Check a cell that may hold some texts only.

    Raises
    ------
    ValueError
        If it holds another; the message names it.
    """
    if row[name] not in known:
        raise ValueError(f"{name} is '{row[name][:50]}'")
