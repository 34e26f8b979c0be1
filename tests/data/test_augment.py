"""Noisy variants on disk."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from stridor.audio.files import read_clip, write_clip
from stridor.audio.mixing import mean_power
from stridor.common.errors import StridorError
from stridor.common.seeds import rng_for
from stridor.data.augment import PEAK, augment, mix_with_noise, read_pairs
from stridor.data.manifest import build_manifest
from stridor.params.sections import AugmentParams
from tiny import tiny_params, write_pump


@pytest.fixture(autouse=True)
def _inside_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def supplements(kind="noise"):
    write_pump(Path(), kind)
    return build_manifest(Path("data"), ("pump",)).select("supplemental")


def md5s(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.md5(p.read_bytes()).hexdigest() for p in folder.rglob("*.wav")}


@pytest.mark.parametrize("kind", ["noise", "clean"])
def test_each_clip_gets_its_variants_at_the_ratio_in_the_table(kind):
    params = tiny_params(augment={"variants": 4, "snr_db": [-5, 20]})
    pairs = augment(supplements(kind), params, Path("augmented"))
    assert pairs == read_pairs(Path("augmented"))
    assert len(pairs) == 3 * 4
    for pair in pairs:
        mixture, original = read_clip(pair.mixture), read_clip(pair.original)
        noise = mixture - pair.gain * original
        ratio = 10 * np.log10(mean_power(pair.gain * original) / mean_power(noise))
        assert -5 <= pair.snr_db <= 20
        # Rounding to 16 bits is noise of its own.
        assert ratio == pytest.approx(pair.snr_db, abs=0.05)
        assert pair.kind == kind
    assert len({pair.snr_db for pair in pairs}) == len(pairs)


def test_another_clip_or_order_changes_no_bytes():
    clips = supplements()
    augment(clips, tiny_params(), Path("all"))
    augment(clips[::-1], tiny_params(), Path("reversed"))
    augment(clips[1:], tiny_params(), Path("fewer"))
    every = md5s(Path("all"))
    assert md5s(Path("reversed")) == every
    fewer = md5s(Path("fewer"))
    assert len(fewer) == 4
    assert fewer.items() <= every.items()


def test_another_seed_changes_every_clip():
    clips = supplements()
    augment(clips, tiny_params(seed=1), Path("one"))
    augment(clips, tiny_params(seed=2), Path("two"))
    assert not md5s(Path("one")).items() & md5s(Path("two")).items()


def test_a_loud_mixture_is_scaled_down_with_its_target():
    wave = 0.9 * np.sin(np.arange(5_000))
    mixture, _, gain = mix_with_noise(wave, AugmentParams(snr_db=[-5, -5]), rng_for(0, "x"), "loud.wav")
    assert gain < 1
    assert np.abs(mixture).max() == pytest.approx(PEAK)


def test_fixed_ratios_are_drawn_from_their_list():
    params = tiny_params(augment={"variants": 9, "snr_db": {"fixed": [0, 10]}})
    assert {pair.snr_db for pair in augment(supplements(), params, Path("augmented"))} == {0.0, 10.0}


def test_a_silent_clip_is_refused_by_name_and_nothing_is_left():
    clips = supplements()
    write_clip(clips[1].path, np.zeros(4_000))
    with pytest.raises(StridorError, match=f"{clips[1].file_name} is silent"):
        augment(clips, tiny_params(), Path("augmented"))
    assert not Path("augmented").exists()
    assert not [p for p in Path().iterdir() if "unfinished" in p.name]


def test_no_supplements_make_an_empty_table():
    assert augment([], tiny_params(), Path("augmented")) == []
    assert read_pairs(Path("augmented")) == []


def test_a_missing_table_is_an_error_with_the_command_to_run():
    with pytest.raises(StridorError, match="dvc repro"):
        read_pairs(Path("nowhere"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: "", "the columns .* are missing"),
        (lambda text: text.replace("gain", "gian"), "the columns .* are missing"),
        (lambda text: text.replace("pump,noise", "pump,nosie"), "kind is 'nosie'"),
        (lambda text: text.replace(",1.0\n", ",loud\n"), "gain is 'loud', not a number"),
        (lambda text: text.replace(",1.0\n", ",inf\n"), "gain is 'inf', not a finite number"),
        (lambda text: text + "a,b\n", "too few cells"),
    ],
)
def test_a_damaged_table_is_told_by_what_is_wrong_with_it(spoil, said):
    augment(supplements(), tiny_params(), Path("augmented"))
    table = Path("augmented/pairs.csv")
    text = table.read_text()
    assert spoil(text) != text
    table.write_text(spoil(text))
    with pytest.raises(StridorError, match=said):
        read_pairs(Path("augmented"))
    table.write_bytes(b"\xff\xfe")
    with pytest.raises(StridorError, match="is not a table of pairs"):
        read_pairs(Path("augmented"))
