"""Clip names of the DCASE data sets."""

import time

import pytest

from kit import kit
from stridor.common.errors import StridorError
from stridor.data.names import ClipName, parse_clip_name


@pytest.mark.parametrize(
    ("file_name", "split", "expected"),
    [
        (
            "section_00_source_train_normal_0000_noAttribute.wav",
            "train",
            ClipName("train", "00", 0, "source", "normal"),
        ),
        (
            "section_00_target_test_anomaly_0040_volt_1.5_wt_130.wav",
            "test",
            ClipName("test", "00", 40, "target", "anomaly", attributes={"volt": "1.5", "wt": "130"}),
        ),
        (
            "data/fan/test/section_02_source_test_normal_0100.FLAC",
            "test",
            ClipName("test", "02", 100, "source", "normal"),
        ),
        (
            "section_00_source_test_anomaly_0022_m-n_W.wav",
            "test",
            ClipName("test", "00", 22, "source", "anomaly", attributes={"m-n": "W"}),
        ),
        (
            "section_00_source_train_normal_0001_spd.wav",
            "train",
            ClipName("train", "00", 1, "source", "normal", attributes={"spd": ""}),
        ),
        ("section_00_0007.wav", "test", ClipName("test", "00", 7)),
        (
            "section_00_machine_0001_.wav",
            "supplemental",
            ClipName("supplemental", "00", 1, kind="clean"),
        ),
        (
            "section_00_noise_supplemental_normal_0000.wav",
            "supplemental",
            ClipName("supplemental", "00", 0, kind="noise"),
        ),
        (
            "section_00_source_supplemental_machine_0099.wav",
            "supplemental",
            ClipName("supplemental", "00", 99, kind="clean"),
        ),
    ],
)
def test_published_patterns(file_name, split, expected):
    assert parse_clip_name(file_name, split) == expected


@pytest.mark.parametrize(
    ("file_name", "split", "reason"),
    [
        ("section_00_0007.wav", "train", "does not parse"),
        ("recording 7.wav", "train", "does not parse"),
        (".wav", "test", "does not parse"),
        ("section_00_source_train_normal_x_noAttribute.wav", "train", "does not parse"),
        ("section_00_source_test_normal_0000_noAttribute.wav", "train", "move it or rename it"),
        ("section_00_source_train_anomaly_0000_noAttribute.wav", "train", "normal clips only"),
        ("section_00_source_supplemental_normal_0000.wav", "supplemental", "'noise' or 'machine'"),
        ("section_00_noise_machine_0000.wav", "supplemental", "'noise' or 'machine'"),
        ("noise.wav", "supplemental", "'noise' or 'machine'"),
    ],
)
def test_other_names_are_refused_by_name(file_name, split, reason):
    with pytest.raises(StridorError) as refused:
        parse_clip_name(file_name, split)
    assert file_name in str(refused.value)
    assert reason in str(refused.value)


def test_a_long_name_is_refused_quickly():
    with pytest.raises(StridorError):
        parse_clip_name("section_00_" + "noise_0" * 5000 + "!.wav", "supplemental")


def test_every_real_name_parses():
    folder = kit("real_dcase2023")
    clips = [(path, split) for split in ("train", "test") for path in folder.glob(f"*/{split}/*.wav")]
    assert len(clips) == 28
    for path, split in clips:
        name = parse_clip_name(path.name, split)
        assert name.domain in ("source", "target")
        assert name.attributes


@pytest.mark.parametrize("split", ["train", "test", "supplemental"])
def test_numbers_and_names_without_end_are_refused_at_once(split):
    for name in (
        f"section_00_{'0' * 60_000}!.wav",
        f"section_{'9' * 240}_0000.wav",
    ):
        start = time.monotonic()
        with pytest.raises(StridorError, match="The name section_"):
            parse_clip_name(name, split)
        assert time.monotonic() - start < 5
