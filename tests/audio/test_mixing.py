"""Mixing at a signal-to-noise ratio."""

import numpy as np
import pytest

from stridor.audio._torchaudio import torchaudio
from stridor.audio.mixing import fit_length, mean_power, scale_to_snr
from stridor.common.errors import StridorError


@pytest.mark.parametrize("snr_db", [-20.0, -5.0, 0.0, 7.5, 40.0])
def test_equals_torchaudio(snr_db):
    import torch

    rng = np.random.default_rng(0)
    signal, noise = rng.standard_normal((2, 1_221)) * [[0.3], [2.0]]
    ours = signal + scale_to_snr(signal, noise, snr_db, "a clip")
    theirs = torchaudio.functional.add_noise(
        torch.from_numpy(signal), torch.from_numpy(noise), torch.tensor(snr_db, dtype=torch.float64)
    )
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-12)


def test_the_ratio_is_measured_on_mean_power():
    rng = np.random.default_rng(1)
    signal, noise = rng.standard_normal((2, 999))
    scaled = scale_to_snr(signal, noise, 6.0, "a clip")
    assert 10 * np.log10(mean_power(signal) / mean_power(scaled)) == pytest.approx(6.0)


@pytest.mark.parametrize("silent", ["signal", "noise"])
def test_silence_is_refused_by_name(silent):
    waves = {"signal": np.ones(5), "noise": np.ones(5)} | {silent: np.zeros(5)}
    with pytest.raises(StridorError, match=r"silent_clip\.wav is silent"):
        scale_to_snr(**waves, snr_db=0.0, name="silent_clip.wav")


def test_a_short_noise_begins_anew():
    assert fit_length(np.arange(3), 7, 2).tolist() == [2, 0, 1, 2, 0, 1, 2]
    assert fit_length(np.arange(9), 2, 4).tolist() == [4, 5]
