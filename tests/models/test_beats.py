"""The encoder against outputs of the official code, and alone against padded."""

import numpy as np
import pytest
import torch

from kit import kit
from stridor.models.beats import Beats
from stridor.models.checkpoint import load_encoder
from stridor.models.pooling import mean_pool
from tiny import tiny_encoder

ATOL = 1e-4


@pytest.fixture(scope="module")
def reference():
    folder = kit("beats_reference")
    return load_encoder(folder / "beats_small.pt"), np.load(folder / "beats_small.npz")


def close(ours: torch.Tensor, theirs: np.ndarray, atol: float = ATOL) -> None:
    np.testing.assert_allclose(ours.detach().numpy(), theirs, atol=atol, rtol=0)


def inside(model: Beats, wave: torch.Tensor) -> dict[str, torch.Tensor]:
    """Run the encoder and keep what its inner modules give."""
    found = {}
    modules = {
        "patch_conv": model.patch_embedding, "patch_embed_ln": model.layer_norm,
        "post_extract_proj": model.post_extract_proj, "pos_conv": model.encoder.pos_conv,
    }  # fmt: skip
    hooks = [
        module.register_forward_hook(lambda _, __, output, name=name: found.__setitem__(name, output))
        for name, module in modules.items()
    ]
    tokens = model(wave)
    for hook in hooks:
        hook.remove()
    return found | {"encoder_input": tokens.layers[0]} | {
        f"layer_{i:02d}": layer for i, layer in enumerate(tokens.layers[1:])
    } | {"output": tokens.last}  # fmt: skip


def test_every_array_equals_the_reference(reference):
    model, arrays = reference
    wave = torch.from_numpy(arrays["wav"]).float()
    close(model.log_mel(wave), arrays["nomask/fbank_norm"])
    found = inside(model, wave)
    for name, ours in found.items():
        close(ours, arrays[f"nomask/{name}"])
    assert {f"nomask/{name}" for name in found} >= {
        name for name in arrays if name.startswith("nomask/") and "fbank" not in name and "bias" not in name
    }


def test_position_bias_equals_the_reference(reference):
    model, arrays = reference
    close(model.encoder._position_bias(torch.zeros(1, 96, 96)), arrays["nomask/position_bias"])


def test_raw_filter_bank_equals_the_reference(reference):
    from stridor.audio.fbank import NORMAL_MEAN, NORMAL_SCALE

    model, arrays = reference
    raw = model.log_mel(torch.from_numpy(arrays["wav"][:1]).float())[0] * NORMAL_SCALE + NORMAL_MEAN
    np.testing.assert_allclose(raw.numpy(), arrays["fbank_raw_clip0"], atol=1e-3, rtol=1e-3)


def test_clips_in_a_padded_batch_equal_the_reference_of_clips_alone(reference):
    model, arrays = reference
    alone = np.load(kit("beats_reference") / "beats_small_varlen.npz")
    lengths = torch.from_numpy(arrays["lengths"])
    tokens = model(torch.from_numpy(arrays["wav"]).float(), lengths)
    for i in range(3):
        for layer, name in enumerate(("encoder_input", "layer_00", "layer_01")):
            close(tokens.layers[layer][i, tokens.valid[i]], alone[f"clip{i}/{name}"])


@pytest.mark.parametrize("clip", ["long0", "long1", "long2", "long3"])
def test_other_lengths_equal_the_reference(reference, clip):
    model, _ = reference
    arrays = np.load(kit("beats_reference") / "beats_small_varlen.npz")
    tokens = model(torch.from_numpy(arrays[f"{clip}/wav"][None].astype(np.float32) / 32768))
    close(tokens.last[0], arrays[f"{clip}/output"])
    close(mean_pool(tokens.last, tokens.valid)[0], arrays[f"{clip}/output_mean"])


def test_the_finetuned_head_equals_the_reference():
    folder = kit("beats_reference")
    model = load_encoder(folder / "beats_small_finetuned.pt")
    batch = np.load(folder / "beats_small_finetuned.npz")
    wave, lengths = torch.from_numpy(batch["wav"]).float(), torch.from_numpy(batch["lengths"])
    close(model.class_probabilities(model(wave)), batch["nomask/output"])
    alone = np.load(folder / "beats_small_finetuned_varlen.npz")
    probabilities = model.class_probabilities(model(wave, lengths))
    for i in range(3):
        close(probabilities[i], alone[f"clip{i}/output"])


ODD_LENGTHS = [2800, 5359, 5360, 7777, 12_345, 16_001]


def test_a_clip_is_the_same_alone_and_in_any_padded_batch():
    model = tiny_encoder()
    rng = torch.Generator().manual_seed(1)
    waves = [0.1 * torch.randn(1, n, generator=rng) for n in ODD_LENGTHS]
    batch = torch.zeros(len(waves), 20_000)
    for row, wave in zip(batch, waves, strict=True):
        row[: wave.shape[1]] = wave
    # What lies in the padding must not matter either.
    batch += torch.arange(20_000) >= torch.tensor(ODD_LENGTHS)[:, None]
    with torch.no_grad():
        together = model(batch, torch.tensor(ODD_LENGTHS))
        for i, wave in enumerate(waves):
            alone = model(wave)
            for ours, theirs in zip(together.layers, alone.layers, strict=True):
                torch.testing.assert_close(ours[i, together.valid[i]], theirs[0], atol=1e-5, rtol=0)
            torch.testing.assert_close(
                mean_pool(together.last, together.valid)[i],
                mean_pool(alone.last, alone.valid)[0],
                atol=1e-5,
                rtol=0,
            )


def test_gradients_do_not_flow_from_padding():
    model = tiny_encoder()
    image = torch.randn(2, 48, 128, requires_grad=True)
    tokens = model.encode(image, torch.tensor([48, 20]))
    # The plain sum of a layer norm is constant and would have no gradient at all.
    (mean_pool(tokens.last, tokens.valid)[1] * torch.arange(32)).sum().backward()
    assert image.grad[1, :16].abs().sum() > 0
    assert image.grad[1, 16:].abs().sum() == 0
    assert image.grad[0].abs().sum() == 0


def test_a_clip_shorter_than_a_patch_is_refused():
    with pytest.raises(ValueError, match="2800 samples"):
        tiny_encoder()(torch.zeros(1, 2799))


def test_silence_gives_finite_tokens():
    assert tiny_encoder()(torch.zeros(1, 16_000)).last.isfinite().all()
