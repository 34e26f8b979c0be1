"""mn04 against the arrays of the official code, its image against SciPy, and the grid that its map is put on."""

import numpy as np
import pytest
import torch
from scipy.signal import resample_poly

from kit import kit
from stridor.audio.fbank import frame_counts
from stridor.audio.mn04_image import Mn04Image, mn04_mel_filters
from stridor.common.errors import StridorError
from stridor.models.checkpoint import load_encoder, save_encoder
from stridor.models.mn04 import FEATURES, TAGGER, TAGGER_SHAPES, Mn04, from_published
from stridor.models.mobilenet import BATCH_NORM_EPS, mobilenet, published_shapes


@pytest.fixture(scope="module")
def random() -> Mn04:
    return Mn04().with_random_weights(0).eval()


def noise(clips: int, samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(clips, samples, generator=torch.Generator().manual_seed(seed))


def published() -> dict[str, torch.Tensor]:
    """Return a state_dict of the published form with random values."""
    draw = torch.Generator().manual_seed(0)
    shapes = published_shapes(mobilenet(), FEATURES)
    shapes |= {TAGGER + name: torch.empty(shape) for name, shape in TAGGER_SHAPES.items()}
    state = {name: 0.1 * torch.randn(one.shape, generator=draw) for name, one in shapes.items()}
    for name in [name for name in state if name.endswith("running_var")]:
        state[name] = 0.5 + state[name].abs()
        state[name.replace("running_var", "num_batches_tracked")] = torch.tensor(7)
    return state


# Against the official code.


@pytest.fixture
def reference():
    with np.load(kit("teachers") / "mn04" / "mn04_reference.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@torch.no_grad()
def test_it_equals_the_reference(reference):
    encoder = load_encoder(kit("teachers") / "mn04" / "mn04_as_mAP_432.pt")
    assert isinstance(encoder, Mn04)
    wave = reference["wav16k"][None]
    close(encoder.image.to_32_khz(wave)[0], reference["wav32k"])
    x = encoder.image(wave).transpose(1, 2)
    close(x[0], reference["mel"])
    x = x[:, None]
    for number, stage in enumerate(encoder.features):
        x = stage(x)
        close(x.mean(dim=(0, 2, 3)), reference[f"stage{number:02d}_mean"])
    close(x[0], reference["fmap"])
    close(x.mean(dim=(2, 3))[0], reference["embedding"])
    grid = encoder.grid(reference["mel"].T[None])[0]
    assert grid.shape == (500 // 16, 8, 384)
    for band in (0, 1):
        close(grid[::2, band::2], reference["fmap"].permute(2, 1, 0))
    # Two frames fewer, which look beyond the clip.
    assert encoder(wave).last.shape == (1, 498 // 16 * 8, 384)


def test_the_mel_filters_are_theirs(reference):
    close(mn04_mel_filters()[:, :512], reference["mel_basis"])


def test_the_published_names_are_known():
    lines = (kit("teachers") / "mn04" / "mn04.keys.txt").read_text().splitlines()
    theirs = dict(line.split("\t") for line in lines)
    assert len(theirs) == 312
    assert {name: str(tuple(one.shape)) for name, one in published().items()} == theirs


# Without anything of theirs.


def test_the_rate_is_doubled_as_scipy_does_it():
    wave = noise(2, 3_333)
    ours = Mn04Image().to_32_khz(wave)
    np.testing.assert_allclose(ours, resample_poly(wave.numpy(), 2, 1, axis=1), atol=1e-6)


@torch.no_grad()
def test_batch_norms_are_folded_into_convolutions():
    state = published()
    weights = from_published(state, "x.pt")
    encoder = Mn04()
    encoder.load_state_dict(weights)
    image = noise(1, 6_000).unflatten(1, (1, 60, 100))[..., :96].transpose(2, 3)
    convolution = torch.nn.functional.conv2d(image, state["features.0.0.weight"], stride=2, padding=1)
    norm = [state[f"features.0.1.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    direct = torch.nn.functional.batch_norm(convolution, *norm, eps=BATCH_NORM_EPS)
    torch.testing.assert_close(encoder.features[0][0](image), direct, atol=1e-5, rtol=1e-5)
    assert not any("running" in name or "num_batches" in name for name in encoder.state_dict())


@torch.no_grad()
def test_a_cell_of_the_map_is_two_columns_and_two_bands(random):
    image = random.log_mel(noise(2, 16_000))
    tokens = random.encode(image, torch.tensor([98, 98])).last.unflatten(1, (-1, 8))
    cells = random.features(image.transpose(1, 2)[:, None])
    assert image.shape == (2, 98, 128)
    assert tokens.shape == (2, 6, 8, 384)
    for column, band in ((0, 0), (1, 1), (2, 7), (5, 4)):
        assert torch.equal(tokens[:, column, band], cells[:, :, band // 2, column // 2])


@torch.no_grad()
@pytest.mark.parametrize("seed", [0, 1])
def test_a_clip_is_the_same_alone_and_before_anything(random, seed):
    # The shortest, odd ones, two of the same number of frames, and one of a whole number of cells.
    lengths = [2_800, 2_801, 2_959, 2_960, 5_359, 10_641, 10_480, 12_345]
    waves = noise(len(lengths), max(lengths), seed)
    # What follows a clip is not silence.
    together = random(waves, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        alone = random(waves[row : row + 1, :length]).last
        count = alone.shape[1]
        assert count == 8 * (int(frame_counts(torch.tensor(length))) // 16)
        assert together.valid[row].sum() == count
        torch.testing.assert_close(together.last[row, :count], alone[0], atol=1e-4, rtol=1e-5)


def test_its_weights_do_not_learn(random, tmp_path):
    assert not Mn04().trainable
    assert not random.trainable
    save_encoder(random, tmp_path / "mn04.pt")
    assert torch.load(tmp_path / "mn04.pt", weights_only=True)["cfg"] == {"family": "mn04"}
    assert not load_encoder(tmp_path / "mn04.pt").trainable


@torch.no_grad()
def test_random_weights_leave_different_sounds_different(random):
    tokens = random(torch.cat([noise(1, 8_000), noise(1, 8_000).cumsum(dim=1)])).last
    assert tokens.isfinite().all()
    assert (tokens[0] - tokens[1]).abs().max() > 1e-3 * tokens.abs().max() > 0


# Files.


@torch.no_grad()
def test_a_published_file_and_ours_of_it_give_the_same(tmp_path):
    torch.save(published(), tmp_path / "published.pt")
    encoder = load_encoder(tmp_path / "published.pt")
    save_encoder(encoder, tmp_path / "ours.pt")
    assert torch.equal(load_encoder(tmp_path / "ours.pt")(noise(1, 5_000)).last, encoder(noise(1, 5_000)).last)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("features.3.block.1.1.running_var"), "lacks 1 tensors .* first 'features.3.block.1.1.runn"),
        (lambda s: s.pop("classifier.5.bias"), "lacks 1 tensors"),
        (lambda s: s.update(more=torch.zeros(1)), "does not ask for, first 'more'"),
        (lambda s: s.update({3: torch.zeros(1)}), "does not ask for, first '3'"),
        (lambda s: s.update({"features.0.0.weight": torch.zeros(16, 1, 3, 3)}), r"has the shape \(16, 1, 3, 3\)"),
        (lambda s: s["features.0.1.weight"].fill_(torch.nan), "not finite"),
        # Whose root is none of a number.
        (lambda s: s["features.0.1.running_var"].fill_(-1.0), "'features.0.0.weight' holds values that are not finite"),
    ],
)
def test_another_network_or_a_damaged_file_is_refused_by_name(tmp_path, change, said):
    state = published()
    change(state)
    torch.save(state, tmp_path / "x.pt")
    with pytest.raises(StridorError, match=said) as refused:
        load_encoder(tmp_path / "x.pt")
    assert str(refused.value).startswith(str(tmp_path / "x.pt"))
