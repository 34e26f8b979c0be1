"""Clips hold the recording's samples and nothing else."""

import time
import tracemalloc

import numpy as np
import pytest
import soundfile as sf

from full_disk import files_of_at_most
from recordings import write_recording
from stridor.common.errors import StridorError
from stridor.ingest.recordings.machines import find_machines
from stridor.ingest.recordings.plain import Cutting, plan_machine, write_clips, writing


def cut(folder, place, channel="mean", **how):
    """Import one machine without a project; return the table of origins as (place, origin, start second)."""
    (machine,) = find_machines(folder).machines
    write_clips(plan_machine(machine, Cutting(**how), channel), place)
    rows = [line.split(",") for line in (place / "attributes_00.csv").read_text().splitlines()[1:]]
    return [(row[0].partition("/")[2], row[5], float(row[4])) for row in rows]


# Few values a block, so that no clip fits in one.
@pytest.mark.parametrize("block", [1000, 2**20])
@pytest.mark.parametrize(
    ("channels", "rate_hz", "how"),
    [
        (1, 16000, {"subtype": "PCM_16"}), (2, 11025, {"subtype": "PCM_24"}), (8, 8000, {"subtype": "PCM_32"}),
        (1, 8000, {"subtype": "PCM_U8"}), (2, 44100, {"format": "FLAC"}), (1, 8000, {"subtype": "ULAW"}),
        (2, 8000, {"subtype": "FLOAT"}), (1, 8000, {"subtype": "DOUBLE"}), (1, 16000, {"format": "OGG"}),
    ],
)  # fmt: skip
def test_clips_put_together_are_the_recording(tmp_path, monkeypatch, channels, rate_hz, how, block):
    monkeypatch.setattr(writing, "VALUES_PER_BLOCK", block)
    monkeypatch.setattr("stridor.ingest.recordings.plain.survey.VALUES_PER_BLOCK", block)
    path = tmp_path / "fan" / "normal" / "a"
    write_recording(path, 3.3, rate_hz=rate_hz, channels=channels, **({"format": "WAV"} | how))
    path = path.rename(path.with_suffix(".wav"))
    origins = cut(tmp_path / "fan", tmp_path / "out", clip_seconds=1)
    assert [start for _, _, start in origins] == [0, 1, 2]
    clips = [sf.read(tmp_path / "out" / place, always_2d=True) for place, _, _ in origins]
    assert {rate for _, rate in clips} == {rate_hz}
    expected, _ = sf.read(path, always_2d=True)
    put_together = np.concatenate([clip for clip, _ in clips])
    # Vorbis decodes to floats, which WAV holds in single precision.
    assert np.array_equal(put_together, expected.astype(np.float32) if how.get("format") == "OGG" else expected)
    assert [len(clip) for clip, _ in clips] == [rate_hz, rate_hz, len(expected) - 2 * rate_hz]


def test_floats_beyond_full_scale_stay_and_bytes_depend_on_samples_alone(tmp_path):
    path = tmp_path / "fan" / "normal" / "a.wav"
    path.parent.mkdir(parents=True)
    samples = np.random.default_rng(0).uniform(-3, 3, 8000).astype(np.float32)
    sf.write(path, samples, 4000, subtype="FLOAT")
    first = cut(tmp_path / "fan", tmp_path / "one", clip_seconds=1)
    # libsndfile writes the second into the headers of float files.
    time.sleep(1.1)
    assert cut(tmp_path / "fan", tmp_path / "two", clip_seconds=1) == first
    for place, _, start in first:
        assert (tmp_path / "one" / place).read_bytes() == (tmp_path / "two" / place).read_bytes()
        clip, _ = sf.read(tmp_path / "one" / place, dtype="float32")
        assert np.array_equal(clip, samples[int(start) * 4000 :][:4000])


def test_start_seconds_are_where_the_clip_was(tmp_path):
    samples = write_recording(tmp_path / "fan" / "normal" / "a.wav", 30, rate_hz=4000)
    for place, origin, start in cut(tmp_path / "fan", tmp_path / "out", clip_seconds=2.51):
        clip, _ = sf.read(tmp_path / "out" / place, dtype="int16", always_2d=True)
        assert origin == "normal/a.wav"
        assert np.array_equal(clip, samples[round(start * 4000) :][: len(clip)])


def test_memory_does_not_grow_with_the_recording(tmp_path):
    path = tmp_path / "fan" / "normal" / "long.wav"
    path.parent.mkdir(parents=True)
    second = np.random.default_rng(0).integers(-9999, 9999, 8000, dtype=np.int16)
    with sf.SoundFile(path, "w", 8000, 1, "PCM_16") as out:
        for gain in np.linspace(0.1, 1, 1800):
            out.write((second * gain).astype(np.int16))
    (machine,) = find_machines(tmp_path / "fan").machines
    plan_machine(machine, Cutting(), "mean")
    tracemalloc.start()
    try:
        plan = plan_machine(machine, Cutting(clip_seconds=60), "mean")
        write_clips(plan, tmp_path / "out")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(list((tmp_path / "out" / "train").iterdir())) == 30
    # As floats the recording takes 58 MB and a clip 2 MB.
    assert peak < 8e6


def test_a_recording_that_has_changed_in_between_is_refused(tmp_path):
    path = tmp_path / "fan" / "normal" / "a.wav"
    write_recording(path, 30)
    (machine,) = find_machines(tmp_path / "fan").machines
    plan = plan_machine(machine, Cutting(), "mean")
    write_recording(path, 29)
    with pytest.raises(StridorError, match=r"cannot be cut \(it has become shorter\); import again"):
        write_clips(plan, tmp_path / "one")
    path.unlink()
    with pytest.raises(StridorError, match="cannot be cut"):
        write_clips(plan, tmp_path / "two")


@pytest.mark.parametrize("size", [20, 2**14])
def test_a_full_disk_is_no_fault_of_the_recording(tmp_path, size):
    write_recording(tmp_path / "fan" / "normal" / "a.wav", 30)
    (machine,) = find_machines(tmp_path / "fan").machines
    plan = plan_machine(machine, Cutting(), "mean")
    with (
        files_of_at_most(size),
        pytest.raises(StridorError, match=r"\.wav could not be written whole; free some space"),
    ):
        write_clips(plan, tmp_path / "out")
