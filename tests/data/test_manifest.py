"""The manifest of a detector."""

import hashlib
import shutil

import numpy as np
import pandas as pd
import pytest

from stridor.audio.files import write_clip
from stridor.common.errors import StridorError
from stridor.data.manifest import Manifest, audio_files, build_manifest

NAMES = {
    "train": ["section_00_source_train_normal_0001_spd_3.wav", "section_00_target_train_normal_0000_ünï.wav"],
    "test": ["section_00_0000.wav", "section_00_source_test_anomaly_0000_noAttribute.wav"],
    "supplemental": ["section_00_noise_supplemental_normal_0000.wav", "section_00_machine_0001_.wav"],
}


@pytest.fixture
def root(tmp_path):
    random = np.random.default_rng(0)
    for machine in ("fan", "NA"):
        for split, names in NAMES.items():
            (tmp_path / "data" / machine / split).mkdir(parents=True)
            for name in names:
                write_clip(tmp_path / "data" / machine / split / name, random.uniform(-0.1, 0.1, 3001))
    return tmp_path


def test_clips_come_in_a_fixed_order_with_all_that_is_needed(root):
    manifest = build_manifest(root / "data", ("fan", "NA"), root)
    assert manifest.machines == ("fan", "NA")
    assert [clip.path for clip in manifest.clips] == [
        f"data/{machine}/{split}/{name}"
        for machine in ("fan", "NA")
        for split, names in NAMES.items()
        for name in sorted(names)
    ]
    clip = manifest.clips[0]
    assert clip.file_name == NAMES["train"][0]
    assert clip.attributes == '{"spd": "3"}'
    assert (clip.seconds, clip.sample_rate_hz, clip.channels) == (round(3001 / 16000, 6), 16000, 1)
    assert clip.md5 == hashlib.md5((root / clip.path).read_bytes()).hexdigest()


@pytest.mark.parametrize("machines", [("fan", "NA"), ("NA",)])
def test_written_manifest_is_read_back_equal(root, machines):
    manifest = build_manifest(root / "data", machines, root)
    manifest.write(root / "out" / "manifest.csv")
    back = Manifest.read(root / "out" / "manifest.csv")
    assert back == manifest
    assert type(back.clips[0].channels) is int
    first = (root / "out" / "manifest.csv").read_bytes()
    back.write(root / "out" / "manifest.csv")
    assert (root / "out" / "manifest.csv").read_bytes() == first


def test_hash_of_digits_stays_a_text(root):
    from dataclasses import replace

    clip = build_manifest(root / "data", ("fan",), root).clips[0]
    manifest = Manifest((replace(clip, md5="0" * 29 + "1e5", section="00"),))
    manifest.write(root / "manifest.csv")
    assert Manifest.read(root / "manifest.csv") == manifest


def test_select(root):
    manifest = build_manifest(root / "data", ("fan", "NA"), root)
    assert len(manifest.select("train")) == 4
    assert [clip.machine for clip in manifest.select("train", machine="NA", domain="target")] == ["NA"]
    assert {clip.kind for clip in manifest.select("supplemental", kind="noise")} == {"noise"}
    assert manifest.select("test", machine="pump") == []


def test_changed_sample_changes_the_hash_only(root):
    before = build_manifest(root / "data", ("fan",), root)
    path = root / before.clips[0].path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    after = build_manifest(root / "data", ("fan",), root)
    assert before.clips[0].md5 != after.clips[0].md5
    assert before.clips[1:] == after.clips[1:]


def test_missing_machine_or_training_clips_are_refused(root):
    with pytest.raises(StridorError, match="the machine 'pump'"):
        build_manifest(root / "data", ("fan", "pump"), root)
    shutil.rmtree(root / "data" / "fan" / "train")
    with pytest.raises(StridorError, match="train contains no normal clips"):
        build_manifest(root / "data", ("fan",), root)


def test_unreadable_clip_is_refused_by_name(root):
    path = root / "data" / "fan" / "test" / "section_00_0000.wav"
    path.write_bytes(b"")
    with pytest.raises(StridorError, match=r"section_00_0000\.wav is not readable audio"):
        build_manifest(root / "data", ("fan",), root)


def test_missing_manifest_and_other_tables_are_refused(tmp_path):
    with pytest.raises(StridorError, match=r"manifest\.csv is missing"):
        Manifest.read(tmp_path / "manifest.csv")
    for content in ("", "a,b\n1,2\n", "path,machine\nx\n"):
        (tmp_path / "manifest.csv").write_text(content)
        with pytest.raises(StridorError, match=r"manifest\.csv is not a manifest"):
            Manifest.read(tmp_path / "manifest.csv")


def test_audio_files_are_recognised_by_extension_in_any_case(tmp_path):
    for name in ("b.WAV", "a.flac", "c.txt", "._d.wav", "attributes_00.csv"):
        (tmp_path / name).touch()
    assert [path.name for path in audio_files(tmp_path)] == ["a.flac", "b.WAV"]
    assert audio_files(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("column", "value"),
    [("split", "trananin"), ("domain", "sauce"), ("label", "x"), ("kind", "x"), ("seconds", "-1"), ("seconds", "inf")],
)
def test_a_value_that_no_clip_has_is_named(root, column, value):
    said = "has a length" if value == "-1" else f"{column} is '{value}'"
    build_manifest(root / "data", ("fan",), root).write(root / "manifest.csv")
    table = pd.read_csv(root / "manifest.csv", dtype=str, keep_default_na=False)
    table.loc[1, column] = value
    table.to_csv(root / "manifest.csv", index=False)
    with pytest.raises(StridorError, match=rf"manifest\.csv is not a manifest \(.*{said}"):
        Manifest.read(root / "manifest.csv")
