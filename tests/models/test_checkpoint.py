"""Weights on disk, and the errors for files that do not fit."""

import pytest
import torch

from kit import kit
from stridor.common.errors import StridorError
from stridor.models.checkpoint import initial_encoder, load_encoder, save_encoder
from stridor.models.config import BeatsConfig
from stridor.params.sections import EncoderParams
from tiny import CONFIG, tiny_encoder


def test_round_trip(tmp_path):
    model = tiny_encoder()
    save_encoder(model, tmp_path / "a.pt")
    again = load_encoder(tmp_path / "a.pt")
    wave = torch.randn(1, 5_000)
    assert torch.equal(model(wave).last, again(wave).last)
    assert again.config == CONFIG
    assert not again.training


def test_keys_are_those_of_the_published_format():
    folder = kit("beats_reference")
    for name in ("beats_small", "beats_small_finetuned"):
        model = load_encoder(folder / f"{name}.pt")
        lines = (folder / f"{name}.keys.txt").read_text().splitlines()
        theirs = dict(line.split("\t") for line in lines)
        assert {key: str(tuple(t.shape)) for key, t in model.state_dict().items()} == theirs


def test_half_precision_is_loaded_as_single(tmp_path):
    model = tiny_encoder()
    half = {name: tensor.half() for name, tensor in model.state_dict().items()}
    torch.save({"cfg": CONFIG.to_cfg(), "model": half}, tmp_path / "half.pt")
    loaded = load_encoder(tmp_path / "half.pt")
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}


def test_the_cfg_of_a_checkpoint_overrules_the_defaults():
    assert BeatsConfig.from_cfg({}).deep_norm is False
    config = BeatsConfig.from_cfg({"deep_norm": True, "max_distance": 800, "some_pretraining_switch": 3})
    assert (config.deep_norm, config.max_distance) == (True, 800)
    with pytest.raises(StridorError, match="patch size 32"):
        BeatsConfig.from_cfg({"input_patch_size": 32})


def test_random_weights_follow_the_seed():
    first, same, other = (initial_encoder(EncoderParams(preset="mini"), seed) for seed in (0, 0, 1))
    weights = [model.encoder.layers[0].fc1.weight for model in (first, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert 1.5e6 < sum(p.numel() for p in first.parameters()) < 2.5e6


def broken(tmp_path, change):
    state = tiny_encoder().state_dict()
    change(state)
    torch.save({"cfg": CONFIG.to_cfg(), "model": state}, tmp_path / "broken.pt")
    return tmp_path / "broken.pt"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("layer_norm.weight"), "lacks 1 tensors.*'layer_norm.weight'"),
        (lambda s: s.update(stray=torch.zeros(1)), "does not ask for, first 'stray'"),
        (
            lambda s: s.update({"layer_norm.weight": torch.zeros(3)}),
            r"'layer_norm.weight' has the shape \(3,\)",
        ),
    ],
)
def test_other_tensors_are_refused_by_name(tmp_path, change, message):
    with pytest.raises(StridorError, match=message):
        load_encoder(broken(tmp_path, change))


def test_files_that_are_no_checkpoint_are_refused(tmp_path):
    with pytest.raises(StridorError, match=r"absent\.pt is missing.*encoder\.checkpoint"):
        initial_encoder(EncoderParams(checkpoint=str(tmp_path / "absent.pt")), 0)
    (tmp_path / "text.pt").write_text("not a checkpoint")
    (tmp_path / "empty.pt").write_bytes(b"")
    for name in ("text.pt", "empty.pt"):
        with pytest.raises(StridorError, match=f"{name} (cannot be read|is not a PyTorch checkpoint)"):
            load_encoder(tmp_path / name)
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(StridorError, match="is not an encoder checkpoint"):
        load_encoder(tmp_path / "other.pt")


def test_the_cfg_contains_the_family(tmp_path):
    torch.save({"cfg": {"family": "wav2vec"}, "model": {}}, tmp_path / "newer.pt")
    with pytest.raises(StridorError, match=r"of the family 'wav2vec', but only BEATs, log_mel are known"):
        load_encoder(tmp_path / "newer.pt")
    save_encoder(tiny_encoder(), tmp_path / "beats.pt")
    # Published files name no family, and files of fine-tuned weights have to keep their bytes.
    assert torch.load(tmp_path / "beats.pt", weights_only=True)["cfg"] == CONFIG.to_cfg()
    assert "family" not in CONFIG.to_cfg()


def test_pickled_code_is_never_run(tmp_path):
    import pickle

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    (tmp_path / "trap.pt").write_bytes(pickle.dumps({"cfg": {}, "model": Trap()}, protocol=2))
    with pytest.raises(StridorError, match="never loaded"):
        load_encoder(tmp_path / "trap.pt")
    assert not (tmp_path / "sprung").exists()
