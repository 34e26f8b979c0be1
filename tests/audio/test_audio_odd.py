"""Odd recordings: every row of the kit's expected.csv."""

import csv
import warnings

import numpy as np
import pytest

from kit import KIT, kit
from stridor.audio.files import probe, read_clip
from stridor.common.errors import StridorError

TABLE = KIT / "audio_odd" / "expected.csv"
ROWS = list(csv.DictReader(TABLE.open(encoding="utf-8"))) if TABLE.exists() else []


def rows(expected: str) -> list:
    """Return the rows with that expectation; without the kit one empty row, so that a test can skip."""
    chosen = [row for row in ROWS if row["expected"] == expected] or [{"file": "no file"}]
    return [pytest.param(row, id=row["file"]) for row in chosen]


def test_the_table_is_there():
    kit("audio_odd")
    assert len(ROWS) == 36
    assert sum(row["expected"] == "error" for row in ROWS) == 6


@pytest.mark.parametrize("row", rows("ok"))
def test_readable(row):
    path = kit("audio_odd") / row["file"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        info, wave = probe(path), read_clip(path)
    assert info.channels == int(row["channels"])
    assert info.sample_rate_hz == int(row["sample_rate"])
    assert info.seconds == pytest.approx(float(row["duration_s"]), abs=1e-9)
    assert wave.dtype == np.float32
    assert wave.shape == (round(float(row["duration_s"]) * 16000),)
    assert np.isfinite(wave).all()
    warned = [str(entry.message) for entry in caught]
    assert all(row["file"] in text for text in warned)
    assert bool(warned) == row["file"].startswith("truncated")


@pytest.mark.parametrize("row", rows("error"))
def test_refused_with_the_name(row):
    path = kit("audio_odd") / row["file"]
    with pytest.raises(StridorError) as refused:
        read_clip(path)
    sentence = str(refused.value)
    assert row["file"] in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_formats_agree_on_the_signal():
    folder = kit("audio_odd")
    over = read_clip(folder / "float32_over_full_scale.wav")
    assert np.abs(over).max() > 3
    stereo = folder / "stereo_16k.wav"
    mean = (read_clip(stereo, 0) + read_clip(stereo, 1)) / 2
    assert np.allclose(read_clip(stereo), mean, atol=1e-7)
    assert not np.allclose(read_clip(stereo, 0), read_clip(stereo, 1), atol=0.01)
    antiphase = folder / "stereo_antiphase_16k.wav"
    assert np.abs(read_clip(antiphase)).max() < 1e-3 < np.abs(read_clip(antiphase, 0)).max()
