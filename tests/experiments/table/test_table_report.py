"""The page, the CSV and the picture."""

import csv
from io import StringIO

import pytest

from stridor.evaluation.bootstrap import Difference, Interval
from stridor.evaluation.measures import MachineMeasures
from stridor.experiments.table.compare import ComparedRow, Gain
from stridor.experiments.table.picture import draw
from stridor.experiments.table.published import Published
from stridor.experiments.table.rows import Row
from stridor.experiments.table.table_report import to_csv, to_markdown
from stridor.params import Params

GAIN = Gain(Difference(-0.0234, Interval(-0.05, 0.01)), Interval(-0.12, 0.07))


def compared(
    key: str, totals: tuple[float, ...], gain: Gain | None = GAIN, to_joined: Gain | None = None
) -> ComparedRow:
    measures = {"fan": MachineMeasures(0.7, 0.6, 0.55), "valve": MachineMeasures(0.9, 0.8, 0.75)}
    row = Row(key, key.replace("_", " "), ())
    return ComparedRow(row, measures, totals, Interval(0.5, 0.7), gain, to_joined)


def params(seeds: int) -> Params:
    table = {"seeds": list(range(seeds)), "variants": {"mask_decoder": {"decoder.output": "mask"}}}
    return Params(detectors={"fan": {"machines": ["fan", "valve"]}}, table=table)


ROWS = [compared("frozen", (0.61,)), compared("full", (0.6, 0.62), None), compared("mask_decoder", (0.58, 0.59))]


def test_one_seed_has_no_spread():
    page = to_markdown([compared("full", (0.6,), None), compared("mask_decoder", (0.58,))], params(1), {})
    assert "| mask decoder | 58.00 | [50.0, 70.0] | -2.34 [-5.0, +1.0] | [-12.0, +7.0] |" in page
    assert "| full | 60.00 | [50.0, 70.0] |  |  |" in page
    assert "trained with one seed" in page
    assert "spread" not in page
    assert "published" not in page
    assert "- mask decoder: `decoder.output: mask`" in page


def test_joined_views_are_compared_with_too():
    other = Gain(Difference(-0.1, Interval(-0.2, -0.05)), Interval(-0.3, 0.02))
    rows = [compared("full", (0.6,), None, other), compared("joined", (0.7,), GAIN, None)]
    page = to_markdown(rows, params(1), {})
    assert "| minus full method | over machines as well | minus joined views | over machines as well |" in page
    assert "| full | 60.00 | [50.0, 70.0] |  |  | -10.00 [-20.0, -5.0] | [-30.0, +2.0] |" in page
    assert "| joined | 70.00 | [50.0, 70.0] | -2.34 [-5.0, +1.0] | [-12.0, +7.0] |  |  |" in page


def test_several_seeds_show_mean_and_spread():
    page = to_markdown(ROWS, params(2), {})
    assert "| full | 61.00 | 1.41 | [50.0, 70.0] |  |  |" in page
    assert "| frozen | 61.00 |  | [50.0, 70.0] | -2.34 [-5.0, +1.0] | [-12.0, +7.0] |" in page
    assert "| fan | AUC source | 70.00 | 70.00 | 70.00 |" in page
    assert "|  | pAUC | 75.00 | 75.00 | 75.00 |" in page


def test_published_numbers_have_columns_of_their_own():
    cells = {"fan": MachineMeasures(0.1, 0.2, 0.3), "valve": MachineMeasures(0.4, 0.5, 0.6)}
    page = to_markdown(ROWS, params(2), {"full": Published(57.81, cells), "frozen": Published(58.73, {})})
    assert "| full | 61.00 | 1.41 | [50.0, 70.0] |  |  | 57.81 |" in page
    assert "| mask decoder | 58.50 | 0.71 | [50.0, 70.0] | -2.34 [-5.0, +1.0] | [-12.0, +7.0] |  |" in page
    assert "| machine | measure | frozen | full | mask decoder | full (published) |" in page
    assert "|  | AUC target | 80.00 | 80.00 | 80.00 | 50.00 |" in page


def test_the_csv_has_every_number():
    rows = {row["system"]: row for row in csv.DictReader(StringIO(to_csv(ROWS)))}
    assert list(rows) == ["frozen", "full", "mask_decoder"]
    assert rows["full"]["to_full"] == rows["frozen"]["spread"] == ""
    assert float(rows["mask_decoder"]["to_full_low"]) == pytest.approx(-5)
    assert float(rows["mask_decoder"]["to_full_over_machines_high"]) == pytest.approx(7)
    assert float(rows["mask_decoder"]["total"]) == pytest.approx(58.5)
    assert float(rows["frozen"]["valve/pauc"]) == 75
    assert rows["full"]["seeds"] == "2"


def test_the_picture_is_the_same_bytes_again(tmp_path):
    for name in ("one.png", "two.png"):
        draw(ROWS, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    draw(ROWS[1:], tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "two.png").read_bytes()
