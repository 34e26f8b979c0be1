"""The results table against the report's Table 1 cell by cell."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from kit import kit
from made_clips import gaussian_clips
from stridor.common.errors import StridorError
from stridor.evaluation.bootstrap import bootstrap_intervals
from stridor.evaluation.measures import MachineMeasures, measure, total_score
from stridor.evaluation.results_table import SystemResults, results_table, to_csv, to_markdown

HALF = MachineMeasures(0.5, 0.25, 0.505)


def seed_systems() -> tuple[dict, list[SystemResults]]:
    seed = json.loads((kit("metrics") / "seed_table1.json").read_text())
    systems = [
        SystemResults(
            name,
            {
                machine: MachineMeasures(**{field: value / 100 for field, value in row.items()})
                for machine, row in cells.items()
            },
        )
        for name, cells in seed["cells"].items()
    ]
    return seed, systems


def test_the_reports_table_comes_out_cell_by_cell():
    seed, systems = seed_systems()
    table = results_table(systems)
    rows = {"auc_source": "AUC source", "auc_target": "AUC target", "pauc": "pAUC"}
    for name, cells in seed["cells"].items():
        for machine, row in cells.items():
            for field, value in row.items():
                assert table.loc[(machine, rows[field]), (name, "value")] == pytest.approx(value, abs=1e-9)
        total = table.loc[("total", "harmonic mean"), (name, "value")]
        assert total == pytest.approx(seed["computed_harmonic_mean"][name], abs=1e-6)
    assert table.shape == (3 * 7 + 1, 3 * len(systems))
    assert table.xs("low", axis=1, level=1).isna().all(axis=None)


def test_markdown_of_two_systems_with_and_without_intervals():
    clips = gaussian_clips(np.random.default_rng(0), machine="fan|left")
    intervals = bootstrap_intervals([clips], 200)
    ours = measure(clips)
    table = results_table(
        [
            SystemResults("frozen encoder", {"fan|left": HALF}),
            SystemResults("fine-tuned", {"fan|left": ours}, intervals),
        ]
    )
    source, total = intervals.machines["fan|left"].auc_source, intervals.total
    lines = to_markdown(table).splitlines()
    assert lines[:3] == [
        "| machine | measure | frozen encoder | fine-tuned |",
        "| --- | --- | ---: | ---: |",
        f"| fan\\|left | AUC source | 50.00 | {100 * ours.auc_source:.2f} "
        f"[{100 * source.low:.1f}, {100 * source.high:.1f}] |",
    ]
    assert lines[4].startswith("|  | pAUC | 50.50 | ")
    assert lines[5] == (
        f"| total | harmonic mean | {100 * total_score([HALF]):.2f} | {100 * total_score([ours]):.2f} "
        f"[{100 * total.low:.1f}, {100 * total.high:.1f}] |"
    )
    assert len(lines) == 6


def test_csv_reads_back_with_one_header_line():
    clips = gaussian_clips(np.random.default_rng(0), machine="fan")
    intervals = bootstrap_intervals([clips], 200)
    table = results_table(
        [SystemResults("frozen", {"fan": HALF}), SystemResults("tuned", {"fan": measure(clips)}, intervals)]
    )
    text = to_csv(table)
    read = pd.read_csv(io.StringIO(text))
    systems = [name + end for name in ("frozen", "tuned") for end in ("", " low", " high")]
    assert list(read.columns) == ["machine", "measure", *systems]
    np.testing.assert_allclose(read[systems].to_numpy(), table.to_numpy(), atol=1e-4)
    assert "\r" not in text


def test_machines_keep_the_first_systems_order():
    first = SystemResults("a", {"valve": HALF, "fan": HALF})
    second = SystemResults("b", {"fan": MachineMeasures(1.0, 1.0, 1.0), "valve": HALF})
    table = results_table([first, second])
    assert list(dict.fromkeys(table.index.get_level_values(0))) == ["valve", "fan", "total"]
    assert table.loc[("fan", "pAUC"), ("b", "value")] == 100


@pytest.mark.parametrize(
    ("systems", "complaint"),
    [
        ([], "got none"),
        ([SystemResults("a", {"fan": HALF})] * 2, "got a, a"),
        ([SystemResults("a", {"fan": HALF}), SystemResults("b", {"valve": HALF})], "only one has fan, valve"),
        ([SystemResults("a", {})], "at least one machine"),
    ],
)
def test_systems_that_cannot_stand_side_by_side_are_refused(systems, complaint):
    with pytest.raises(StridorError, match=complaint):
        results_table(systems)
