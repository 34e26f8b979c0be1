"""The decoder: shapes, starting point and exact masking."""

import pytest
import torch

from stridor.audio.fbank import NORMAL_SCALE
from stridor.models.separator import Separator
from stridor.params.sections import DecoderParams
from tiny import tiny_encoder


def separator(output: str) -> Separator:
    torch.manual_seed(0)
    return Separator(32, DecoderParams(output=output, width=16, layers=1, heads=2))


def test_direct_starts_from_the_mean_spectra():
    decoder, encoder = separator("direct"), tiny_encoder()
    decoder.mean_spectra.copy_(torch.randn(2, 128))
    image = torch.randn(2, 37, 128)
    estimate = decoder(encoder.encode(image, torch.tensor([37, 37])), image)
    assert estimate.shape == (2, 2, 32, 128)
    assert torch.equal(estimate, decoder.mean_spectra[:, None].expand(2, 2, 32, 128))


def test_mask_starts_by_cutting_the_mixture_down_to_the_mean_spectrum():
    decoder, encoder = separator("mask"), tiny_encoder()
    image = torch.randn(1, 32, 128)
    estimate = decoder(encoder.encode(image, torch.tensor([32])), image)[:, 0]
    # Within the 3 dB by which a softmax rounds the corner.
    assert (estimate - image.clamp(max=0.0)).abs().max() <= 1.001 * torch.tensor(2.0).log() / NORMAL_SCALE


def test_masks_share_out_the_mixture():
    decoder, encoder = separator("mask"), tiny_encoder()
    torch.nn.init.normal_(decoder.cells.weight)
    image = torch.randn(1, 32, 128)
    tokens = encoder.encode(image, torch.tensor([32]))
    shares = ((decoder(tokens, image) - image[:, None]) * NORMAL_SCALE).exp()
    torch.testing.assert_close(shares.sum(1), torch.ones(1, 32, 128))


def test_a_mask_can_level_out_the_mixture_or_be_blind_to_it():
    decoder, encoder = separator("mask"), tiny_encoder()
    image = 0.1 * torch.randn(1, 32, 128)
    tokens = encoder.encode(image, torch.tensor([32]))
    offset, slope = decoder.cells.bias.data.view(2, 16, 16)
    offset[:] = -2.0
    levelled = decoder(tokens, image)[:, 0]
    torch.testing.assert_close(levelled, torch.full_like(levelled, -2.0), atol=1e-4, rtol=0)
    slope[:] = 1.0
    blind = decoder(tokens, image)[:, 0]
    torch.testing.assert_close(blind, image - 2.0, atol=1e-4, rtol=0)


class NoAttention(torch.nn.Module):
    def forward(self, x, src_key_padding_mask):
        return x


@pytest.mark.parametrize("output", ["direct", "mask"])
def test_each_token_answers_for_its_own_patch(output):
    """Only the cells of one patch may change when nothing but the last linear map sees a changed token."""
    decoder, encoder = separator(output), tiny_encoder()
    decoder.blocks = NoAttention()
    torch.nn.init.normal_(decoder.cells.weight)
    image = torch.randn(1, 48, 128)
    tokens = encoder.encode(image, torch.tensor([48]))
    before = decoder(tokens, image)
    tokens.last[0, 1 * 8 + 3] += 1.0
    changed = (decoder(tokens, image) - before).abs()[0].sum(0) > 0
    expected = torch.zeros(48, 128, dtype=torch.bool)
    expected[16:32, 48:64] = True
    assert torch.equal(changed, expected)


@pytest.mark.parametrize("output", ["direct", "mask"])
def test_a_clip_is_separated_the_same_alone_and_padded(output):
    decoder, encoder = separator(output).eval(), tiny_encoder()
    torch.nn.init.normal_(decoder.cells.weight)
    image = torch.randn(2, 64, 128)
    with torch.no_grad():
        together = decoder(encoder.encode(image, torch.tensor([64, 35])), image)
        alone = decoder(encoder.encode(image[1:, :35], torch.tensor([35])), image[1:, :35])
    torch.testing.assert_close(together[1, :, :32], alone[0], atol=1e-5, rtol=0)
