"""The picture of a separation."""

from stridor.models.separator import Separator
from stridor.training.picture import separation_picture
from tiny import tiny_encoder, tiny_params, tiny_training_set


def test_shows_mixture_target_and_estimate_of_each_machine(tmp_path):
    params = tiny_params()
    _, data = tiny_training_set(params)
    figure = separation_picture(tiny_encoder(), Separator(32, params.decoder), data, params)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[:3] == ["pump: mixture at 0 dB", "pump: target", "pump: estimate"]
    figure.savefig(tmp_path / "separation.png")
    assert (tmp_path / "separation.png").stat().st_size > 10_000
