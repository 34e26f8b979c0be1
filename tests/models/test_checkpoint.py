"""Weights on disk, and the errors for files that do not fit."""

import pickle
import resource
import warnings

import numpy as np
import pytest
import torch

from kit import kit
from stridor.common.errors import StridorError
from stridor.models.beats import Beats
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
    with pytest.raises(StridorError, match=r"of the family 'wav2vec', but only BEATs, log_mel, mn04, side are known"):
        load_encoder(tmp_path / "newer.pt")
    save_encoder(tiny_encoder(), tmp_path / "beats.pt")
    # Published files name no family, and files of fine-tuned weights have to keep their bytes.
    assert torch.load(tmp_path / "beats.pt", weights_only=True)["cfg"] == CONFIG.to_cfg()
    assert "family" not in CONFIG.to_cfg()


def test_pickled_code_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    (tmp_path / "trap.pt").write_bytes(pickle.dumps({"cfg": {}, "model": Trap()}, protocol=2))
    with pytest.raises(StridorError, match="never loaded"):
        load_encoder(tmp_path / "trap.pt")
    assert not (tmp_path / "sprung").exists()


def saved(tmp_path, cfg=None, **changed):
    torch.save(
        {"cfg": CONFIG.to_cfg() | (cfg or {}), "model": tiny_encoder().state_dict() | changed}, tmp_path / "x.pt"
    )
    return tmp_path / "x.pt"


@pytest.mark.parametrize(
    ("cfg", "said"),
    [
        ({"encoder_attention_heads": 0}, "encoder_attention_heads 0"),
        ({"encoder_attention_heads": 5}, "encoder_attention_heads 5, by which"),
        ({"conv_pos_groups": 0}, "conv_pos_groups 0"),
        ({"conv_pos_groups": 5}, "conv_pos_groups 5, by which"),
        ({"dropout": 7}, "dropout 7"),
        ({"dropout": float("nan")}, "dropout nan"),
        ({"encoder_layers": -1}, "encoder_layers -1"),
        ({"encoder_layers": 10**6}, "encoder_layers 1000000"),
        ({"encoder_layers": 2.0}, "encoder_layers '2.0', a float where int is expected"),
        ({"encoder_layers": "2"}, "encoder_layers '2', a str where int is expected"),
        ({"encoder_embed_dim": 10**7}, "encoder_embed_dim 10000000"),
        ({"embed_dim": None}, "embed_dim 'None', a NoneType where int is expected"),
        ({"deep_norm": "yes"}, "deep_norm 'yes', a str where bool is expected"),
        ({"num_buckets": 1}, "1 num_buckets"),
        ({"max_distance": 1}, "a max_distance of 1"),
        ({"predictor_class": 10**9, "finetuned_model": True}, "predictor_class 1000000000"),
    ],
)
def test_an_impossible_architecture_is_refused_by_the_name_of_its_entry(tmp_path, cfg, said):
    with pytest.raises(StridorError) as refused:
        load_encoder(saved(tmp_path, cfg))
    assert str(refused.value).startswith(str(tmp_path / "x.pt"))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "cfg",
    [{"encoder_layers": 200}, {"encoder_ffn_embed_dim": 65536}, {"encoder_embed_dim": 16384, "encoder_layers": 100}],
)
def test_sizes_that_the_file_does_not_hold_take_no_memory(tmp_path, cfg):
    path = saved(tmp_path, cfg)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(StridorError, match=r"lacks|has the shape"):
        load_encoder(path)
    # The largest would take 100 GB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        ([0.0] * 32, "is of the type list, not a tensor"),
        (torch.zeros(32, dtype=torch.int64), "holds int64 instead of float values"),
        (torch.zeros(32, dtype=torch.complex64), "holds complex64 instead of float values"),
        (torch.quantize_per_tensor(torch.zeros(32), 0.1, 0, torch.qint8), "quantised"),
        (torch.zeros(32).to_sparse(), "sparse"),
        (torch.zeros(32, device="meta"), "empty"),
        (torch.full((32,), float("nan")), "not finite"),
        (torch.full((32,), float("inf")), "not finite"),
        (torch.full((32,), 1e38), r"holds the value 1e\+38"),
    ],
)
def test_what_is_no_tensor_of_a_network_is_refused_by_its_name(tmp_path, tensor, said):
    with pytest.raises(StridorError, match=said) as refused:
        load_encoder(saved(tmp_path, **{"encoder.layer_norm.weight": tensor}))
    assert "'encoder.layer_norm.weight'" in str(refused.value)


def test_keys_that_are_no_texts_are_refused(tmp_path):
    torch.save({"cfg": {}, "model": {3: torch.zeros(1)}}, tmp_path / "x.pt")
    with pytest.raises(StridorError, match="lacks"):
        load_encoder(tmp_path / "x.pt")
    torch.save({"cfg": CONFIG.to_cfg(), "model": tiny_encoder().state_dict() | {3: torch.zeros(1)}}, tmp_path / "x.pt")
    with pytest.raises(StridorError, match="does not ask for, first '3'"):
        load_encoder(tmp_path / "x.pt")
    torch.save({"cfg": [1], "model": torch.zeros(1)}, tmp_path / "x.pt")
    with pytest.raises(StridorError, match="is not an encoder checkpoint"):
        load_encoder(tmp_path / "x.pt")


def test_damaged_bytes_are_one_sentence(tmp_path):
    whole = saved(tmp_path).read_bytes()
    rng = np.random.default_rng(0)
    path, said = tmp_path / "damaged.pt", []
    for _ in range(60):
        damaged = bytearray(whole)
        # Most of the structure lies at the two ends: the pickle and the directory of the archive.
        span = rng.choice([1500, -1500])
        for place in rng.integers(0, 1500, size=4):
            damaged[int(place) if span > 0 else -1 - int(place)] = rng.integers(256)
        path.write_bytes(damaged[: rng.choice([len(damaged), rng.integers(len(damaged))])])
        try:
            loaded = load_encoder(path)
        except StridorError as error:
            said.append(str(error))
        else:
            # A byte of a weight may make another weight.
            assert loaded.config == CONFIG
            assert all(tensor.isfinite().all() for tensor in loaded.state_dict().values())
    assert len(said) > 30
    for sentence in said:
        assert sentence.startswith(str(path))
        assert sentence.endswith(".")
        assert "\n" not in sentence
        # A reason in brackets is given.
        assert "()" not in sentence


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(StridorError, match="cannot be read"):
        load_encoder(tmp_path)


def test_loading_leaves_the_random_numbers_as_building_does(tmp_path):
    path = saved(tmp_path)
    torch.manual_seed(0)
    load_encoder(path)
    after = torch.rand(1)
    torch.manual_seed(0)
    tiny = Beats.from_cfg(CONFIG.to_cfg())
    assert tiny.width == CONFIG.encoder_embed_dim
    assert torch.equal(after, torch.rand(1))


def test_weights_that_were_saved_as_parameters_load_without_a_warning(tmp_path):
    weights = {name: torch.nn.Parameter(tensor) for name, tensor in tiny_encoder().state_dict().items()}
    torch.save({"cfg": CONFIG.to_cfg(), "model": weights}, tmp_path / "x.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_encoder(tmp_path / "x.pt").width == CONFIG.encoder_embed_dim


def test_unusual_forms_are_refused_without_a_warning_of_pytorch(tmp_path):
    torch.jit.script(torch.nn.Identity()).save(str(tmp_path / "script.pt"))
    (tmp_path / "five.pt").write_bytes(pickle.dumps({"cfg": {}, "model": {}}, protocol=5))
    for name in ("script.pt", "five.pt"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(StridorError, match=name):
                load_encoder(tmp_path / name)
