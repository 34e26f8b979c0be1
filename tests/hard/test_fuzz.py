"""Mutated inputs by the thousand: each works, or is refused in one sentence that names it, and does nothing else.

STRIDOR_HARD_SEED repeats a run, STRIDOR_HARD_FUZZ=0.1 takes a tenth of the inputs. What came of each subject is written
to build/hard/fuzz/<subject>.txt as well.
"""

import os
import secrets

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
SHARE = float(os.environ.get("STRIDOR_HARD_FUZZ", "1"))
SEED = int(os.environ.setdefault("STRIDOR_HARD_SEED", str(secrets.randbelow(10**6))))


@pytest.mark.parametrize("subject", INPUTS)
def test_a_mutated_input_works_or_is_refused_in_one_sentence(subject, capsys):
    count = max(1, round(INPUTS[subject] * SHARE))
    report = campaign.run(subject, count, SEED)
    with capsys.disabled():
        print(f"\n{report.text()}")
    campaign.KEPT.mkdir(parents=True, exist_ok=True)
    (campaign.KEPT / f"{subject}.txt").write_text(f"{report.text()}\n", encoding="utf-8")
    assert not report.failures, report.text()
    assert report.counts.total() == count
    # Little would be tested by a subject that accepts or refuses everything; attributes are only ever noted.
    if SHARE >= 1 and subject != "attributes":
        assert min(report.counts["accepted"], report.counts["refused"]) > 50
