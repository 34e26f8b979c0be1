"""From params.yaml to suggestions and back into a detector's entry."""

import pytest
from optuna.trial import FixedTrial

from stridor.common.errors import StridorError
from stridor.experiments.tuning.space import Space
from stridor.params import Params
from stridor.params.sections import SnrInterval

RATE, LOW, WIDTH = "training.learning_rate", "augment.snr_low_db", "augment.snr_width_db"
SEARCH = {
    RATE: {"low": 1e-6, "high": 1e-2, "log": True},
    LOW: {"low": -20, "high": 5},
    WIDTH: {"low": 0, "high": 30},
    "bank.k": {"low": 1, "high": 8},
    "bank.metric": {"choices": ["euclidean", "cosine"]},
}


def params_with(search=SEARCH, own=None, **sections):
    tune = {"search": search} | sections.pop("tune", {})
    return Params(detectors={"fan": {"machines": ["fan"]} | (own or {})}, tune=tune, **sections)


def test_the_default_values_give_the_general_parameters():
    space = Space.of(params_with(), "fan")
    assert space.defaults() == {RATE: 1e-5, LOW: -5, WIDTH: 25, "bank.k": 1, "bank.metric": "euclidean"}
    assert space.params(space.defaults()) == space.base


def test_suggestions_become_parameters_and_an_entry_that_gives_the_same():
    space = Space.of(params_with(), "fan")
    trial = FixedTrial({RATE: 0.00123456, LOW: -7.65432, WIDTH: 12.3456, "bank.k": 3, "bank.metric": "cosine"})
    values = space.suggest(trial)
    params = space.params(values)
    assert params.training.learning_rate == 0.001235
    assert params.augment.snr_db == SnrInterval(low_db=-7.654, high_db=4.696)
    assert (params.bank.k, params.bank.metric) == (3, "cosine")
    entry = space.detector_params(values)
    assert entry == {
        "learning_rate": 0.001235, "snr_db": [-7.654, 4.696], "overrides": {"bank.k": 3, "bank.metric": "cosine"},
    }  # fmt: skip
    applied = params_with(own=entry).for_detector("fan")
    for section in ("training", "augment", "bank"):
        assert getattr(applied, section) == getattr(params, section)


def test_scoring_options_can_be_searched():
    search = {
        "embedding.pooling": {"choices": ["mean", "gem", "rdp", "bands"]},
        "embedding.layer": {"low": -1, "high": 4},
        "bank.domains": {"choices": ["joint", "separate"]},
        "bank.density_neighbours": {"low": 0, "high": 4},
        "bank.target_oversampling": {"low": 0, "high": 0.5},
    }
    space = Space.of(params_with(search), "fan")
    drawn = dict(zip(search, ("rdp", 2, "separate", 3, 0.25), strict=True))
    params = space.params(space.suggest(FixedTrial(drawn)))
    assert (params.embedding.pooling, params.embedding.layer, params.bank.domains) == ("rdp", 2, "separate")
    assert (params.bank.density_neighbours, params.bank.target_oversampling) == (3, 0.25)
    assert params_with(own=space.detector_params(drawn)).for_detector("fan").bank == params.bank


def test_values_of_an_earlier_study_are_not_where_the_next_one_starts():
    space = Space.of(params_with(own={"learning_rate": 0.5, "overrides": {"bank.k": 7}}), "fan")
    assert space.base.training.learning_rate == 1e-5
    assert space.defaults()["bank.k"] == 1


def test_the_budget_takes_the_place_of_the_general_values():
    space = Space.of(params_with(tune={"budget": {"training.stage_one.epochs": 2}}), "fan")
    assert space.base.training.stage_one.epochs == 2
    assert space.base.baselines == ()


def test_one_end_of_the_interval_can_be_searched_alone():
    space = Space.of(params_with({LOW: {"low": -20, "high": 5}}), "fan")
    assert space.params({LOW: -10.0}).augment.snr_db == SnrInterval(low_db=-10, high_db=15)
    assert space.detector_params({LOW: -10.0}) == {"snr_db": [-10.0, 15.0]}


@pytest.mark.parametrize(
    ("search", "sections", "said"),
    [
        ({"bank.kk": {"low": 1, "high": 2}}, {}, "unknown parameter 'bank.kk'"),
        ({"decoder.output": {"low": 1, "high": 2}}, {}, "give choices"),
        ({"bank.k": {"low": 2, "high": 4}}, {}, "general value 1 of bank.k is outside of"),
        ({"bank.k": {"low": 0, "high": 4}}, {}, "'bank.k' is 0"),
        ({"bank.metric": {"choices": ["euclidean", "manhattan"]}}, {}, "'bank.metric' is 'manhattan'"),
        ({LOW: {"low": -20, "high": 5}}, {"augment": {"snr_db": {"fixed": [0, 5]}}}, "augment.snr_db is a list"),
        (SEARCH, {"tune": {"budget": {"training.epoch": 3}}}, r"tune\.budget: unknown parameter 'training.epoch'"),
    ],
)
def test_a_search_that_cannot_be_is_refused(search, sections, said):
    with pytest.raises(StridorError, match=said):
        Space.of(params_with(search, **sections), "fan")


@pytest.mark.parametrize(
    "search", [{"a": {"low": 2, "high": 1}}, {"a": {"low": 0, "high": 1, "log": True}}, {"a": {"choices": [1]}}, {}]
)
def test_an_impossible_range_is_refused_when_params_are_read(search):
    with pytest.raises(ValueError, match="tune"):
        params_with(search)


def test_an_unknown_detector_is_named():
    with pytest.raises(StridorError, match="no detector 'valve'; its detectors are fan"):
        Space.of(params_with(), "valve")
