"""Choosing on some machines and judging on another, with data in which the best on all labels is luck."""

import numpy as np
import pytest
from scipy.stats import hmean

from made_sweeps import made_sweep
from stridor.common.errors import StridorError
from stridor.experiments.sweep.choose import judge, leave_one_machine_out, option_gains, totals
from stridor.experiments.sweep.grid import LITERAL, Combination
from stridor.experiments.sweep.sweep_report import to_markdown
from stridor.params import Params

PARAMS = Params(detectors={"fan": {"machines": ["fan"]}}, evaluation={"bootstrap": 200})
COSINE, BANDS, BOTH = Combination(metric="cosine"), Combination(pooling="bands"), Combination(-1, "bands", "cosine")
MACHINES = ("fan", "valve", "slider", "gearbox")


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
    result = judge(sweeps, [LITERAL, *lucky], PARAMS)
    assert result.favourite != LITERAL
    assert result.favourite_total > result.literal_total
    assert result.gain.value < 0
    assert result.recommended == LITERAL
    for m, choice in enumerate(result.choices):
        assert choice.combination != lucky[m]


def test_what_helps_everywhere_is_recommended():
    sweeps = [made_sweep(machine, [(LITERAL, 0.2), (COSINE, 3.0)]) for machine in MACHINES]
    result = judge(sweeps, [LITERAL, COSINE], PARAMS)
    assert result.recommended == result.favourite == COSINE
    assert [choice.combination for choice in result.choices] == [COSINE] * 4
    assert result.gain.value == pytest.approx(result.favourite_total - result.literal_total)
    assert all(choice.chosen > choice.literal for choice in result.choices)


def test_two_machines_are_too_few_for_a_recommendation():
    sweeps = [made_sweep(machine, [(LITERAL, 0.2), (COSINE, 3.0)]) for machine in MACHINES[:2]]
    result = judge(sweeps, [LITERAL, COSINE], PARAMS)
    assert result.gain.interval.low > 0
    assert result.recommended == LITERAL
    assert "two machines are too few to choose by" in to_markdown({"frozen": result}, 0.95)


def test_an_insignificant_gain_keeps_the_literal_setting():
    sweeps = [made_sweep(machine, [(LITERAL, 1.0), (COSINE, 1.02)]) for machine in MACHINES]
    result = judge(sweeps, [LITERAL, COSINE], PARAMS)
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
    result = judge(sweeps, [LITERAL, COSINE], PARAMS)
    assert result.combinations == (LITERAL,)
    assert result.impossible == {COSINE: "too few"}


def test_one_machine_has_no_others():
    with pytest.raises(StridorError, match="got 1, give at least 2"):
        judge([made_sweep("fan", [(LITERAL, 1.0)])], [LITERAL], PARAMS)
