"""What is wrong with recordings that can be read, and what is not."""

import numpy as np
import pytest

from stridor.audio.quality import SignalCheck, is_silent, refuse_silence
from stridor.common.errors import StridorError

NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (16000, 1))


def findings(samples, channel="mean", block=1000):
    check = SignalCheck(channel)
    for start in range(0, len(samples), block):
        check.add(samples[start : start + block].astype(np.float32))
    return list(check.findings(16000))


def with_zeros(*spans):
    samples = NOISE.copy()
    for start, end in spans:
        samples[start:end] = 0
    return samples


@pytest.mark.parametrize("block", [1, 7, 1000, 16000])
@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (NOISE, None),
        (np.tile(NOISE, (1, 4)), None),
        (np.random.default_rng(1).uniform(-0.5, 0.5, (4000, 2)), None),
        (NOISE + 0.1, "an offset (DC)"),
        (NOISE - 0.1, "an offset (DC)"),
        (np.clip(NOISE * 3, -1, 1), "clipped"),
        (NOISE * 6, None),
        (with_zeros((5000, 5079)), None),
        (with_zeros((5000, 5080)), "dropped samples"),
        (with_zeros((950, 1050)), "dropped samples"),
        (with_zeros((0, 4000), (14000, 16000)), None),
        (with_zeros((5000, 5080)) * 1e-4, None),
        (np.hstack([NOISE, -NOISE]), "opposite phase"),
        (np.hstack([NOISE, -0.8 * NOISE]), "opposite phase"),
        (np.zeros((4000, 2)), None),
    ],
)
def test_findings(samples, said, block):
    if block == 1:
        samples = samples[:6000]
    found = findings(samples, block=block)
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_one_of_two_opposite_channels_is_sound(tmp_path):
    assert findings(np.hstack([NOISE, -NOISE]), channel=1) == []


def test_silence_is_not_judged():
    tone = np.round(np.sin(np.arange(16000)) * 9999) / 32768
    assert is_silent(np.zeros(100))
    assert is_silent(np.full(100, 0.3))
    assert not is_silent(1e-3 * tone)
    # Rounding leaves a step of opposite channels.
    rounded = ((np.arange(16000) % 3 - 1) / 65536).astype(np.float32)
    with pytest.raises(StridorError, match=r"a\.wav is silent and was not judged.*opposite phase"):
        refuse_silence(rounded, "a.wav")
    refuse_silence(tone, "a.wav")
