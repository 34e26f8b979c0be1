"""Which system is the detector, and which shows what training gives."""

import pytest

from stridor.params import Params
from stridor.stages.systems import FINE_TUNED, JOINED, detector_system, judged_by_training, systems_of, trained_system


def params(*encoders):
    return Params(detectors={"fan": {"machines": ["fan"]}}, bank={"views": [{"encoder": one} for one in encoders]})


@pytest.mark.parametrize(
    ("encoders", "detector", "trained"),
    [
        ((), FINE_TUNED, FINE_TUNED),
        (("log_mel", "fine_tuned"), JOINED, JOINED),
        # What training changes is not in the detector.
        (("log_mel", "frozen"), JOINED, FINE_TUNED),
    ],
)
def test_trainings_are_compared_by_a_system_that_they_change(encoders, detector, trained):
    some = params(*encoders)
    assert (detector_system(some), trained_system(some)) == (detector, trained)
    judged = judged_by_training(some)
    assert detector_system(judged) == trained
    assert judged.replaced({"bank.views": list(some.bank.views)}) == some


def test_the_tagger_is_scored_where_there_is_one():
    assert "tagger" not in systems_of(params())
    some = params().replaced({"tagger.checkpoint": "tagger.pt"})
    assert systems_of(some).index("tagger") < systems_of(some).index("frozen")
    assert "tagger" not in systems_of(some.replaced({"baselines": ["frozen"]}))


def test_a_view_of_a_tagger_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"a view of bank\.views is of the tagger, but tagger\.checkpoint names none"):
        params("tagger")
