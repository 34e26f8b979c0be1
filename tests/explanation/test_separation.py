"""Machine and remainder of a clip, and where the decoder comes from."""

import json

import numpy as np
import pytest
import torch

from stridor.common.digests import file_md5
from stridor.common.errors import StridorError
from stridor.common.saving import save_tensors
from stridor.explanation.explain import Explainer
from stridor.explanation.oddness import band_of
from stridor.explanation.separation import Decoder, apply_mask, trained_decoder
from stridor.models.checkpoint import save_encoder
from stridor.models.mn04 import Mn04
from stridor.models.separator import Separator
from stridor.params.sections import DecoderParams
from tiny import tiny_encoder

PARAMS = DecoderParams(width=16, layers=1, heads=2)
LOCK = """schema: '2.0'
stages:
  train@other:
    params:
      params.yaml:
        decoder:
          output: mask
          width: 8
          layers: 1
          heads: 1
  train@pump:
    cmd: python
    params:
      params.yaml:
        seed: 0
        decoder:
          output: direct
          width: 16
          layers: 1
          heads: 2
        training.loss: l1
    outs:
    - path: artifacts/pump/encoder
  index@pump:
    cmd: python
"""


def frames_of(wave):
    return 1 + (len(wave) - 400) // 160


@pytest.fixture
def project(tmp_path):
    """A project whose detector `pump` has been trained."""
    folder = tmp_path / "artifacts/pump/encoder"
    folder.mkdir(parents=True)
    encoder = tiny_encoder()
    save_encoder(encoder, folder / "encoder.pt")
    torch.manual_seed(0)
    separator = Separator(encoder.width, PARAMS)
    torch.nn.init.normal_(separator.cells.weight)
    save_tensors(separator.state_dict(), folder / "separator.pt")
    (tmp_path / "artifacts/pump/bank/joined/pump").mkdir(parents=True)
    (tmp_path / "dvc.lock").write_text(LOCK)
    return tmp_path


def test_with_an_encoder_that_does_not_learn_no_decoder_was_trained(project):
    path = project / "artifacts/pump/encoder/encoder.pt"
    save_encoder(Mn04(), path)
    with pytest.raises(StridorError, match="'mn04' is used as it is, so that no decoder was trained"):
        Decoder.find(project, file_md5(path))


def test_a_mask_of_ones_changes_nothing_and_one_of_zeros_leaves_nothing():
    wave = torch.from_numpy(np.random.default_rng(0).standard_normal(9001).astype(np.float32))
    ones = torch.ones(frames_of(wave), 128)
    assert apply_mask(wave, ones).numpy() == pytest.approx(wave.numpy(), abs=1e-5)
    assert float(apply_mask(wave, 0 * ones).abs().max()) < 1e-6


def test_a_mask_lets_its_moment_and_its_frequencies_through():
    time = np.arange(32000) / 16000
    low, high = np.sin(2 * np.pi * 500 * time), np.sin(2 * np.pi * 3000 * time)
    wave = torch.from_numpy((low + high).astype(np.float32))
    mask = torch.zeros(frames_of(wave), 128)
    between = round(band_of(1500))
    mask[:100, :between] = 1
    kept = apply_mask(wave, mask).numpy()
    # The window of the transform reaches over the border by 32 ms.
    assert kept[800:15000] == pytest.approx(low[800:15000], abs=0.02)
    assert np.abs(kept[17000:]).max() < 0.02


def test_machine_and_remainder_add_up_to_the_clip(project):
    decoder = Decoder.find(project, file_md5(project / "artifacts/pump/encoder/encoder.pt"))
    wave = 0.1 * np.random.default_rng(1).standard_normal(7777)
    separated = decoder.separate(wave)
    assert separated.machine + separated.remainder == pytest.approx(wave, abs=1e-6)
    shares = [np.square(part).sum() / np.square(wave).sum() for part in (separated.machine, separated.remainder)]
    assert min(shares) > 0.01
    assert decoder.machines == {"pump"}


def test_the_estimates_decide_what_the_machine_gets(project):
    decoder = Decoder.find(project, file_md5(project / "artifacts/pump/encoder/encoder.pt"))
    wave = 0.1 * np.random.default_rng(1).standard_normal(7777)
    torch.nn.init.zeros_(decoder.separator.cells.weight)
    torch.nn.init.zeros_(decoder.separator.cells.bias)
    # Now the estimates are the mean spectra: equal at first, so that each gets half of everything.
    assert decoder.separate(wave).machine == pytest.approx(0.5 * wave, abs=1e-5)
    decoder.separator.mean_spectra[0] += 10.0
    assert decoder.separate(wave).machine == pytest.approx(wave, abs=1e-5)


def test_the_decoder_of_another_training_is_not_taken(project):
    with pytest.raises(StridorError, match="has no decoder, and artifacts/"):
        Decoder.find(project, "0" * 32)
    with pytest.raises(StridorError, match="has no encoder"):
        Decoder.find(project, None)
    (project / "artifacts/pump/encoder/separator.pt").write_bytes(b"broken")
    with pytest.raises(StridorError, match=r"separator\.pt is not the decoder's weights"):
        Decoder.find(project, file_md5(project / "artifacts/pump/encoder/encoder.pt"))


def test_its_parameters_are_those_of_the_training(project):
    assert trained_decoder(project, "pump") == PARAMS
    assert trained_decoder(project, "other").output == "mask"
    with pytest.raises(StridorError, match=r"dvc\.lock does not say how the decoder of 'fan'"):
        trained_decoder(project, "fan")
    (project / "dvc.lock").unlink()
    with pytest.raises(StridorError, match="'dvc repro index@pump'"):
        trained_decoder(project, "pump")


@pytest.mark.parametrize(("learnt", "expected"), [([True, True], True), ([True, False], False)])
def test_a_decoder_that_has_not_learnt_is_known(project, learnt, expected):
    (project / "results/pump").mkdir(parents=True)
    values = {f"pump at {number} dB": {"learnt": one} for number, one in enumerate(learnt)}
    (project / "results/pump/separation.json").write_text(json.dumps(values))
    assert Decoder.find(project, file_md5(project / "artifacts/pump/encoder/encoder.pt")).learnt is expected


def test_a_page_says_what_a_decoder_is_good_for(project, slider, held_out):
    decoder = Decoder.find(project, file_md5(project / "artifacts/pump/encoder/encoder.pt"))
    explainer = Explainer(slider.detector, decoder, slider.folder)
    separated, doubt = explainer._separated(held_out[0], "slider")
    assert separated is not None
    assert "was trained on pump, not on slider" in doubt
    assert explainer._separated(held_out[0], "pump")[1] == ""
    decoder.learnt = False
    assert "no nearer to the machine than its mean spectrum" in explainer._separated(held_out[0], "pump")[1]
