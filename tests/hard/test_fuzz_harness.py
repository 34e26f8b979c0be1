"""The harness itself: each kind of fault that it looks for is planted once, and has to be found."""

import pytest

from fuzzing import campaign
from fuzzing.subjects.planted import KINDS

SAID = {
    "traceback": "KeyError: 'no such thing'",
    "segmentation fault": "ended with code -11",
    "exit": "ended with code 3",
    "endless": "more than 2 s of the processor",
    "hang": "time.sleep(60)",
    "hang in C": "could not be interrupted",
    "memory": "200 MB of memory",
    "written outside": "outside/new",
    "deleted outside": "outside/victim",
    "temporary file": "temporary/left",
    "code": "code in the input was run",
    "two lines": "not one printable line",
    "no name": "names neither file nor field",
    "no full stop": "does not end with a full stop",
    "printed": "noise",
    "warned": "something is odd",
}


@pytest.fixture(scope="module")
def report():
    return campaign.run("planted", len(KINDS), seed=0, workers=1, answer_seconds=15, keep=False)


def test_what_works_and_what_is_refused_in_one_sentence_is_no_failure(report):
    assert report.counts["accepted"] == report.counts["refused"] == 1
    assert set(KINDS) - set(SAID) == {"works", "refused"}


@pytest.mark.parametrize("kind", SAID)
def test_a_planted_fault_is_found(report, kind):
    [failure] = [one for one in report.failures if KINDS[one.case] == kind]
    assert SAID[kind] in failure.text
