"""The ways that are ranked, and their entry in params.yaml."""

from ruamel.yaml import YAML

from stridor.experiments.select.ways import views_in, ways
from stridor.params.scoring_sections import BankParams


def test_spectra_and_encoder_alone_and_joined():
    all_ways = ways({"frozen": 4})
    # Two spectra and four views of the encoder; both spectra; each choice of spectra with each view.
    assert len(all_ways) == len(set(all_ways)) == 2 + 4 + 1 + 3 * 4
    assert len(views_in(all_ways)) == 6
    assert all(sum(view.encoder == "frozen" for view in way.views) <= 1 for way in all_ways)
    assert {view.layer for view in views_in(all_ways)} == {0, 2, -1}


def test_a_join_has_one_encoder_at_most_and_the_one_before_training_comes_first():
    all_ways = ways({"frozen": 4, "fine_tuned": 4})
    assert len(all_ways) == len(set(all_ways)) == 3 + (1 + 3) * 8
    assert all(sum(view.encoder != "log_mel" for view in way.views) <= 1 for way in all_ways)
    names = [way.text() for way in all_ways if len(way.views) == 1]
    assert names.index("frozen (layer -1, bands)") < names.index("fine-tuned (layer -1, bands)")


def test_of_an_encoder_without_layers_none_is_ranked_twice():
    # Layers 0 and -1 are the same tokens there.
    assert {view.layer for view in views_in(ways({"frozen": 0})) if view.encoder == "frozen"} == {-1}
    assert len(ways({"frozen": 0})) == len(set(ways({"frozen": 0}))) == 2 + 2 + 1 + 3 * 2


def test_the_entry_of_params_yaml_scores_in_that_way():
    for way in ways({"frozen": 4}):
        assert BankParams.model_validate(YAML(typ="safe").load(way.yaml())).views == way.views
