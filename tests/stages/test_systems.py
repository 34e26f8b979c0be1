"""Which system is the detector, and which shows what training gives."""

import pytest

from stridor.params import Params
from stridor.stages.systems import FINE_TUNED, JOINED, detector_system, judged_by_training, trained_system


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
