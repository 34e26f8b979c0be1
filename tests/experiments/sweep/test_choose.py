"""Choosing on some machines and judging on another, with data in which the best on all labels is luck."""

import csv

import numpy as np
import pytest
from scipy.stats import hmean

from made_sweeps import made_sweep
from stridor.common.errors import StridorError
from stridor.experiments.sweep.choose import judge, leave_one_machine_out, option_gains, totals
from stridor.experiments.sweep.grid import LITERAL, Combination
from stridor.experiments.sweep.sweep_report import to_csv, to_markdown
from stridor.params import Params

PARAMS = Params(detectors={"fan": {"machines": ["fan"]}}, evaluation={"bootstrap": 200})
COSINE, BANDS, BOTH = Combination(metric="cosine"), Combination(pooling="bands"), Combination(-1, "bands", "cosine")
MACHINES = ("fan", "valve", "slider", "gearbox")


def judged(sweeps, combinations, pseudo=None):
    unknown = np.full(len(combinations), np.nan)
    return judge(sweeps, combinations, [unknown] * len(sweeps) if pseudo is None else pseudo, PARAMS)


def values_of(*by_machine: list[float]) -> np.ndarray:
    """Return [C x M x 3] in which the three measures of a machine are the same."""
    return np.repeat(np.array(by_machine)[..., None], 3, axis=2)


def test_totals_are_harmonic_means_of_everything():
    values = np.random.default_rng(0).uniform(0.4, 1, size=(5, 4, 3))
    np.testing.assert_allclose(totals(values), hmean(values.reshape(5, -1), axis=1))


def test_a_machine_has_no_say_in_its_own_combination():
    # The second is far ahead on the first machine alone, the third a little everywhere else.
    values = values_of([0.5, 0.5, 0.5, 0.5], [0.99, 0.5, 0.5, 0.5], [0.5, 0.55, 0.55, 0.55])
    assert totals(values).argmax() == 1
    assert leave_one_machine_out(values) == [2, 1, 1, 1]


def test_of_equals_the_literal_is_chosen():
    assert leave_one_machine_out(values_of([0.6, 0.6], [0.6, 0.6])) == [0, 0]


def test_a_gain_on_one_machine_is_not_recommended():
    # On every machine another combination shines; the literal one is as good as any beyond that.
    lucky = [Combination(k=k) for k in (2, 3, 4, 5)]
    sweeps = [
        made_sweep(machine, [(LITERAL, 0.5), *((one, 4.0 if i == m else 0.3) for i, one in enumerate(lucky))])
        for m, machine in enumerate(MACHINES)
    ]
    result = judged(sweeps, [LITERAL, *lucky])
    assert result.favourite != LITERAL
    assert result.favourite_total > result.literal_total
    assert result.gain.value < 0
    assert result.recommended == LITERAL
    for m, choice in enumerate(result.choices):
        assert choice.combination != lucky[m]


def test_what_helps_everywhere_is_recommended():
    sweeps = [made_sweep(machine, [(LITERAL, 0.2), (COSINE, 3.0)]) for machine in MACHINES]
    result = judged(sweeps, [LITERAL, COSINE])
    assert result.recommended == result.favourite == COSINE
    assert [choice.combination for choice in result.choices] == [COSINE] * 4
    assert result.gain.value == pytest.approx(result.favourite_total - result.literal_total)
    assert all(choice.chosen > choice.literal for choice in result.choices)


def test_two_machines_are_too_few_for_a_recommendation():
    sweeps = [made_sweep(machine, [(LITERAL, 0.2), (COSINE, 3.0)]) for machine in MACHINES[:2]]
    result = judged(sweeps, [LITERAL, COSINE])
    assert result.gain.interval.low > 0
    assert result.recommended == LITERAL
    assert "two machines are too few to choose by" in to_markdown({"frozen": result}, 0.95)


def test_an_insignificant_gain_keeps_the_literal_setting():
    sweeps = [made_sweep(machine, [(LITERAL, 1.0), (COSINE, 1.02)]) for machine in MACHINES]
    result = judged(sweeps, [LITERAL, COSINE])
    assert result.gain.interval.low <= 0
    assert result.recommended == LITERAL


def test_gains_of_options_compare_pairs_that_differ_by_nothing_else():
    means = np.array([[0.50, 0.60], [0.56, 0.58], [0.70, 0.70], [0.71, 0.74]])
    cosine, bands = sorted(
        option_gains([LITERAL, COSINE, BANDS, BOTH], means, [BOTH, BANDS]), key=lambda one: one.option
    )
    assert (cosine.option, cosine.value, cosine.chosen, cosine.machines_better) == ("metric", "cosine", 1, 2)
    assert cosine.alone == pytest.approx((0.06 - 0.02) / 2)
    assert cosine.gain == pytest.approx((0.06 - 0.02 + 0.01 + 0.04) / 4)
    assert (bands.option, bands.value, bands.chosen) == ("pooling", "bands", 2)
    assert bands.alone == pytest.approx((0.20 + 0.10) / 2)


def test_an_option_that_is_only_possible_with_another_has_no_gain_alone():
    means = np.array([[0.5], [0.6], [0.7]])
    gains = option_gains([LITERAL, COSINE, BOTH], means, [BOTH])
    assert {one.option: one.alone for one in gains} == {"pooling": None, "metric": pytest.approx(0.1)}


def test_what_one_machine_cannot_is_left_out_for_all():
    sweeps = [made_sweep(machine, [(LITERAL, 0.2), (COSINE, 3.0)]) for machine in MACHINES]
    sweeps[1].scores.pop(COSINE)
    sweeps[1].impossible[COSINE] = "too few"
    result = judged(sweeps, [LITERAL, COSINE])
    assert result.combinations == (LITERAL,)
    assert result.impossible == {COSINE: "too few"}


def test_one_machine_has_no_others():
    with pytest.raises(StridorError, match="got 1, give at least 2"):
        judged([made_sweep("fan", [(LITERAL, 1.0)])], [LITERAL])


def test_what_injected_faults_say_stands_beside_and_chooses_nothing():
    sweeps = [made_sweep(machine, [(LITERAL, 0.2), (COSINE, 3.0), (BANDS, 1.0)]) for machine in MACHINES]
    # Against the labels on the first machine, with them on the others.
    pseudo = [np.array([0.9, 0.5, 0.7]), *[np.array([0.5, 0.9, 0.7])] * 3]
    result = judged(sweeps, [LITERAL, COSINE, BANDS], pseudo)
    assert result.recommended == COSINE
    page = to_markdown({"frozen": result}, 0.95)
    assert "metric cosine would be chosen (80.00)" in page
    assert "pseudo-anomaly AUC and total over the combinations is +1.00" in page
    assert f"| fan | -1.00 | literal | {100 * result.choices[0].literal:.2f} |" in page
    assert "| valve | +1.00 | metric cosine | " in page
    rows = list(csv.DictReader(to_csv({"frozen": result}).splitlines()))
    assert [float(row["pseudo_auc"]) for row in rows] == pytest.approx([0.6, 0.8, 0.7])
    assert "too few normal clips" in to_markdown({"frozen": judged(sweeps, [LITERAL, COSINE, BANDS])}, 0.95)


def test_of_what_is_left_out_no_pseudo_anomaly_auc_is_kept():
    sweeps = [made_sweep(machine, [(LITERAL, 0.2), (COSINE, 3.0)]) for machine in MACHINES]
    sweeps[1].impossible[LITERAL] = "too few"
    result = judged(sweeps, [LITERAL, COSINE], [np.array([0.4, 0.6])] * 4)
    np.testing.assert_array_equal(result.pseudo, [[0.6] * 4])


def test_patches_are_compared_with_what_is_literal_in_both_of_their_options():
    patches = Combination(pooling="patches", bands="patches")
    assert LITERAL.with_value("pooling", "patches") == LITERAL.with_value("bands", "patches") == patches
    assert patches.with_literal("bands") == patches.with_literal("pooling") == LITERAL
    [pooling, bands] = option_gains([LITERAL, patches], np.array([[0.5], [0.6]]), [patches])
    assert (pooling.alone, bands.alone) == (pytest.approx(0.1), pytest.approx(0.1))
