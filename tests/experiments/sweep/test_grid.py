"""The combinations of a sweep."""

from ruamel.yaml import YAML

from stridor.experiments.sweep.grid import LITERAL, OPTIONS, Combination, combinations, embedding_settings
from stridor.params import Params
from stridor.params.scoring_sections import BankParams, EmbeddingParams

DETECTORS = {"fan": {"machines": ["fan"]}}


def test_the_literal_setting_is_that_of_the_records():
    bank, embedding = BankParams(), EmbeddingParams()
    assert LITERAL.bank == bank
    for option in OPTIONS:
        assert getattr(LITERAL, option) == getattr(embedding, option, getattr(bank, option, None))


def test_every_combination_comes_once_and_the_literal_first():
    params = Params(detectors=DETECTORS, sweep={"layers": [2, -1], "k": [1, 3, 1], "domains": ["separate"]})
    assert combinations(params) == [
        LITERAL,
        *(Combination(layer=layer, k=k, domains="separate") for layer in (2, -1) for k in (1, 3)),
    ]
    assert combinations(Params(detectors=DETECTORS)) == [LITERAL]


def test_what_has_nothing_to_act_on_is_left_out():
    lists = {"pooling": ["mean", "bands"], "bands": ["joint", "separate"]}
    params = Params(detectors=DETECTORS, sweep=lists | {"density_mean": ["arithmetic", "geometric"]})
    found = [(one.pooling, one.bands, one.density_mean) for one in combinations(params)]
    assert found == [(*way, "arithmetic") for way in (("mean", "joint"), ("bands", "joint"), ("bands", "separate"))]
    lists = {"pooling": ["mean", "patches"], "bands": ["joint", "patches"], "metric": ["cosine", "whitened"]}
    patched = [
        one
        for one in combinations(Params(detectors=DETECTORS, sweep=lists | {"target_oversampling": [0, 0.5]}))
        if "patches" in (one.pooling, one.bands)
    ]
    assert patched == [Combination(pooling="patches", metric="cosine", bands="patches")]


def test_every_layer_and_pooling_is_embedded_once_with_the_literal_one():
    params = Params(
        detectors=DETECTORS,
        embedding={"rdp_gamma": 7},
        sweep={"layers": [0, 1], "pooling": ["rdp"], "metric": ["euclidean", "cosine"]},
    )
    assert [(way.layer, way.pooling, way.rdp_gamma) for way in embedding_settings(params)] == [
        (-1, "mean", 7), (0, "rdp", 7), (1, "rdp", 7),
    ]  # fmt: skip


def test_what_is_recommended_can_be_pasted_into_params_yaml():
    one = Combination(1, "bands", "cosine", 3, 2, 0.5, "separate", "geometric", "separate")
    values = YAML(typ="safe").load(one.yaml())
    params = Params(detectors=DETECTORS, **values)
    assert (params.embedding.layer, params.embedding.pooling, params.bank) == (1, "bands", one.bank)
    assert one.text().startswith("layer 1, pooling bands, metric cosine, k 3")
    assert LITERAL.text() == "literal"
