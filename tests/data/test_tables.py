"""Tables without pandas, against pandas."""

import numpy as np
import pandas as pd
import pytest

from stridor.data.tables import numbers_of, read_table, write_table

COLUMNS = ["name", "kind", "count", "value"]
ROWS = [
    {"name": 'a "quoted", name', "kind": None, "count": 3, "value": 1.0},
    {"name": "two\nlines", "kind": "noise", "count": 0, "value": 1e-7},
    {"name": "ünï", "kind": "", "count": 12, "value": np.float64(-0.1) * 3},
]


def test_bytes_are_those_of_pandas(tmp_path):
    write_table(tmp_path / "ours.csv", COLUMNS, ROWS)
    pd.DataFrame(ROWS, columns=COLUMNS).to_csv(tmp_path / "theirs.csv", index=False, lineterminator="\n")
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()


def test_cells_come_back_as_text_in_the_order_asked_for(tmp_path):
    write_table(tmp_path / "table.csv", COLUMNS, ROWS)
    rows = read_table(tmp_path / "table.csv", ["value", "name"])
    assert [list(row) for row in rows] == [["value", "name"]] * 3
    assert [row["name"] for row in rows] == [row["name"] for row in ROWS]
    assert [float(row["value"]) for row in rows] == [row["value"] for row in ROWS]


@pytest.mark.parametrize("content", ["", "name,kind\nx,y\n", "name,kind,count,value\nx\n"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "table.csv").write_text(content)
    with pytest.raises(ValueError, match=r"missing|too few"):
        read_table(tmp_path / "table.csv", COLUMNS)


@pytest.mark.parametrize("digits", ["9" * 400, "1e999", "-inf", "nan", "9" * 5000, "\n"])
def test_a_number_that_no_float_holds_is_told_by_its_column(digits):
    with pytest.raises(ValueError, match=r"^count is '"):
        numbers_of({"count": digits}, {"count": float if "e" in digits or not digits.strip("9") else int})
    with pytest.raises(ValueError, match=r"^count is '"):
        numbers_of({"count": digits}, {"count": int})
