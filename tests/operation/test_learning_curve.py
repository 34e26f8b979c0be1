"""The learning curve of a bank, and what is read from it."""

import numpy as np
import pytest

from stridor.operation.expectation import expectation
from stridor.operation.learning_curve import learning_curve
from stridor.params.scoring_sections import BankParams
from stridor.scoring.reference import MachineReference


def reference(clips, spread=0.0, recordings=None, rate=0.02):
    """A machine whose clips lie around their recordings, `spread` apart."""
    rng = np.random.default_rng(0)
    recordings = recordings or [str(i) for i in range(clips)]
    centres = {one: spread * rng.standard_normal(4) for one in dict.fromkeys(recordings)}
    embeddings = np.stack([centres[one] + rng.standard_normal(4) for one in recordings])
    names = [f"{i}.wav" for i in range(clips)]
    params = BankParams(false_alarm_rate=rate)
    return MachineReference.fit_named(embeddings, ["source"] * clips, names, [10.0] * clips, params), recordings


def test_a_bank_of_many_independent_clips_keeps_its_promise():
    curve = learning_curve(*reference(160, rate=0.1))
    assert [one.clips for one in curve] == [5, 10, 20, 30, 50, 80, 100]
    for one in curve:
        assert one.lowest <= one.false_alarms <= one.highest
    assert curve[-1].false_alarms == pytest.approx(0.1, abs=0.06)
    # A curve through five scores reaches far beyond them.
    assert curve[0].threshold > curve[-1].threshold


def test_pieces_of_one_recording_do_not_vouch_for_each_other():
    recordings = [str(i // 10) for i in range(80)]
    honest = learning_curve(*reference(80, spread=30.0, recordings=recordings, rate=0.1))
    alone = learning_curve(reference(80, spread=30.0, recordings=recordings, rate=0.1)[0], [str(i) for i in range(80)])
    at = {one.clips: one.false_alarms for one in honest}
    blind = {one.clips: one.false_alarms for one in alone}
    assert at[30] > 0.9
    assert blind[50] < 0.3


@pytest.mark.slow
def test_what_is_said_of_few_clips_and_of_many():
    few = expectation("pump", *reference(12))
    assert few.missing == {"source": 37}
    text = few.text()
    assert "12 clips of source, from 12 recordings, say" in text
    assert "12 clips support nothing rarer than 1 in 13" in text
    assert "record 37 more clips of source" in text
    many = expectation("pump", *reference(250, rate=0.1))
    assert not many.missing
    assert many.is_settled
    assert "expect about 10 in 100 normal clips to be flagged; of a detector with 250 clips that may be" in many.text()
    assert "these recordings are enough for this rate" in many.text()
    one = expectation("pump", reference(60)[0], ["long.wav"] * 60)
    assert "clips of 1 recording resemble each other" in one.text()
    assert expectation("pump", *reference(4)).curve == ()
