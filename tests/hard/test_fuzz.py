"""Mutated inputs by the thousand: each works, or is refused in one sentence that names it, and does nothing else.

STRIDOR_FUZZ_SEED repeats a run, STRIDOR_FUZZ_SHARE=0.1 takes a tenth of the inputs.
"""

import os
import time

import pytest

from fuzzing import campaign

INPUTS = {
    "audio": 10_000,
    "params": 2_000,
    "manifests": 2_000,
    "attributes": 2_000,
    "checkpoints": 2_000,
    "archives": 2_000,
    "requests": 2_000,
    "artefacts": 2_000,
}
SHARE = float(os.environ.get("STRIDOR_FUZZ_SHARE", "1"))


@pytest.fixture(scope="module")
def seed():
    return int(os.environ.get("STRIDOR_FUZZ_SEED", time.time_ns() % 10**6))


@pytest.mark.parametrize("subject", INPUTS)
def test_a_mutated_input_works_or_is_refused_in_one_sentence(subject, seed, capsys):
    report = campaign.run(subject, max(1, round(INPUTS[subject] * SHARE)), seed)
    with capsys.disabled():
        print(f"\n{report.text()}")
    assert not report.failures
    # A subject that accepts or refuses everything would test little.
    assert sum(report.counts.values()) == max(1, round(INPUTS[subject] * SHARE))
    assert SHARE < 1 or subject == "attributes" or min(report.counts["accepted"], report.counts["refused"]) > 50
