"""Linear layers of lower precision are close to those of full precision, and each token is rounded by itself."""

import pytest
import torch
from torch import nn

from stridor.common.errors import StridorError
from stridor.models.log_mel import LogMelPatches
from stridor.models.precision import Int8Linear, arithmetic, at_precision
from tiny import moved_side_blocks, tiny_encoder

CPU = torch.device("cpu")
has_int8 = pytest.mark.skipif(not torch.cpu._is_vnni_supported(), reason="this processor has no AVX-512 VNNI")
LOWER = ["bfloat16", pytest.param("int8", marks=has_int8)]


def layer() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(64, 48)


@has_int8
@torch.no_grad()
def test_an_integer_layer_is_the_product_of_rounded_numbers():
    linear, x = layer(), torch.randn(2, 5, 64)
    expected = torch.empty(2, 5, 48, dtype=torch.float64)
    for at in ((i, j) for i in range(2) for j in range(5)):
        token = x[at].double()
        step = token.abs().max() / 127
        for output, row in enumerate(linear.weight.double()):
            unit = row.abs().max() / 127
            products = (token / step).round() * (row / unit).round()
            expected[(*at, output)] = products.sum() * step * unit + linear.bias[output]
    torch.testing.assert_close(Int8Linear(linear)(x).double(), expected, atol=1e-5, rtol=1e-5)
    # And that is the layer, to within half a step of each.
    assert float((Int8Linear(linear)(x) - linear(x)).abs().max()) < 0.05


@has_int8
@torch.no_grad()
def test_a_token_does_not_depend_on_the_others_nor_on_silence():
    integer, x = Int8Linear(layer()), torch.randn(4, 64)
    loud = torch.cat([x, 1e3 * torch.randn(3, 64), torch.zeros(2, 64)])
    assert torch.equal(integer(loud)[:4], integer(x))
    assert torch.equal(integer(loud)[-1], integer.bias)


@pytest.mark.parametrize("precision", LOWER)
@pytest.mark.parametrize("made", [tiny_encoder, moved_side_blocks])
@torch.inference_mode()
def test_tokens_are_close_and_the_encoder_stays_as_it_was(made, precision):
    encoder, wave = made(), 0.1 * torch.randn(1, 8_000, generator=torch.Generator().manual_seed(0))
    exact, before = encoder(wave).last, {name: one.clone() for name, one in encoder.state_dict().items()}
    lower = at_precision(encoder, precision, CPU)
    with arithmetic(precision, CPU):
        rounded = lower(wave).last.float()
    difference = float((rounded - exact).square().mean().sqrt() / exact.square().mean().sqrt())
    assert 1e-4 < difference < 0.03
    assert all(torch.equal(one, before[name]) for name, one in encoder.state_dict().items())
    assert lower is not encoder
    assert lower.family == encoder.family
    assert at_precision(lower, precision, CPU) is lower
    sizes = [sum(one.nbytes for one in list(model.parameters()) + list(model.buffers())) for model in (lower, encoder)]
    assert sizes[0] < sizes[1]


def test_what_has_nothing_to_round_is_returned_as_it_is():
    encoder, spectrum = tiny_encoder(), LogMelPatches()
    assert at_precision(encoder, "float32", CPU) is encoder
    assert at_precision(spectrum, "bfloat16", CPU) is spectrum


def test_what_a_device_cannot_compute_is_refused(monkeypatch):
    with pytest.raises(StridorError, match=r"int8, which is for the processor, not for the device 'meta'"):
        at_precision(tiny_encoder(), "int8", torch.device("meta"))
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    with pytest.raises(StridorError, match=r"needs a processor with AVX-512 VNNI; set it to float32"):
        at_precision(tiny_encoder(), "int8", CPU)
