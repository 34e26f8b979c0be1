"""Where the cuts are, and that a recording is read as its windows are."""

import io
import tracemalloc

import numpy as np
import pytest
import soundfile as sf

from stridor.audio.files import read_clip
from stridor.audio.windows import clip_lengths, cut, read_windows, windows_of
from stridor.common.errors import StridorError


@pytest.mark.parametrize(
    ("frames", "lengths"),
    [
        (1, [1]), (29, [29]), (99, [99]), (100, [100]), (101, [101]), (133, [133]), (134, [100, 34]),
        (200, [100, 100]), (201, [100, 101]), (999, [100] * 9 + [99]), (1033, [100] * 9 + [133]),
    ],
)  # fmt: skip
def test_a_rest_below_a_third_is_the_end_of_the_clip_before(frames, lengths):
    assert clip_lengths(frames, 100) == lengths


@pytest.mark.parametrize("frames", [*range(1, 12), 160_000, 159_999, 3_600_001])
@pytest.mark.parametrize("clip_frames", [1, 3, 7, 160_000])
def test_every_frame_belongs_to_one_clip(frames, clip_frames):
    lengths = clip_lengths(frames, clip_frames)
    assert sum(lengths) == frames
    assert all(length * 3 >= clip_frames for length in lengths[1:])
    assert all(length * 3 < clip_frames * 4 for length in lengths)


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_a_file_that_grows_while_it_is_read_is_read_as_it_was(tmp_path, subtype):
    path, samples = tmp_path / "growing.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 16_000 * 12)
    sf.write(path, samples, 16_000, subtype=subtype)
    before = [window.wave for window in read_windows(path, 1.0)]
    found = []
    for window in read_windows(path, 1.0):
        found.append(window.wave)
        with open(path, "ab") as file:
            file.write(bytes(64_000))
    assert len(found) == len(before) == 12
    for one, other in zip(found, before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_recording_that_is_still_written_gives_what_is_there(tmp_path):
    path, samples = tmp_path / "recorder.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 16_000 * 6)
    with sf.SoundFile(path, "w", 16_000, 1, "PCM_16") as recorder:
        recorder.write(samples[: 16_000 * 3])
        recorder.flush()
        windows = read_windows(path, 1.0)
        found = [next(windows).wave]
        recorder.write(samples[16_000 * 3 :])
        recorder.flush()
        found += [window.wave for window in windows]
    assert [len(one) for one in found] == [16_000] * 3
    np.testing.assert_allclose(np.concatenate(found), samples[: 16_000 * 3], atol=1 / 32768)


def blocks_of(frames, size):
    everything = np.arange(frames, dtype=np.float32)
    return [everything[start : start + size] for start in range(0, frames, size)]


@pytest.mark.parametrize("frames", [1, 29, 100, 133, 134, 200, 201, 999, 1033])
@pytest.mark.parametrize("length", [1, 3, 7, 99, 100, 250])
@pytest.mark.parametrize("size", [1, 64, 2000])
def test_windows_are_the_clips_that_the_import_would_make(frames, length, size):
    found = list(cut(blocks_of(frames, size), length, length, 0))
    assert [len(part) for _, part in found] == clip_lengths(frames, length)
    for start, part in found:
        assert np.array_equal(part, np.arange(start, start + len(part)))


@pytest.mark.parametrize(
    ("frames", "hop", "expected"),
    [
        (150, 100, [(0, 150)]),
        (151, 100, [(0, 100), (100, 51)]),
        (250, 50, [(0, 100), (50, 100), (100, 100), (150, 100)]),
        (233, 50, [(0, 100), (50, 100), (100, 133)]),
        (234, 50, [(0, 100), (50, 100), (100, 100), (150, 84)]),
        (160, 10, [(start, 100) for start in range(0, 61, 10)]),
        (169, 10, [(start, 100) for start in range(0, 51, 10)] + [(60, 109)]),
    ],
)
@pytest.mark.parametrize("size", [1, 97, 1000])
def test_windows_overlap_by_the_hop_and_reach_the_end(frames, hop, expected, size):
    assert [(start, len(part)) for start, part in cut(blocks_of(frames, size), 100, hop, 150)] == expected


def encoded(wave, rate_hz, **options):
    file = io.BytesIO()
    sf.write(file, wave, rate_hz, format="WAV", subtype="FLOAT", **options)
    file.seek(0)
    return file


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 192000])
def test_a_window_is_what_a_file_of_it_would_be(rate_hz):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (round(2.8 * rate_hz), 2))
    windows = list(read_windows(encoded(wave, rate_hz), 1.0))
    assert [one.start_seconds for one in windows] == [0, 1, 2]
    for one in windows:
        start = round(one.start_seconds * rate_hz)
        alone = read_clip(encoded(wave[start : start + round(one.seconds * rate_hz)], rate_hz))
        assert np.array_equal(one.wave, alone)


def test_a_clip_is_one_window_as_it_is():
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 30_000)
    (window,) = read_windows(encoded(wave, 22050), 1.0)
    assert np.array_equal(window.wave, read_clip(encoded(wave, 22050)))
    (window,) = windows_of(wave[:24_000], 1.0, 0.5)
    assert np.array_equal(window.wave, wave[:24_000])
    assert (window.start_seconds, window.seconds) == (0, 1.5)


def test_the_length_of_a_recording_costs_no_memory(tmp_path):
    with sf.SoundFile(tmp_path / "long.wav", "w", 16000, 1, "PCM_16") as file:
        for _ in range(60):
            file.write(np.zeros(10 * 16000, dtype=np.int16))
    tracemalloc.start()
    windows = sum(1 for _ in read_windows(tmp_path / "long.wav", 1.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert windows == 600
    # All of it would take 38 MB; a block takes 2 MB, and there may be a few at a time.
    assert peak < 19e6


def test_the_sound_part_of_a_broken_recording_is_followed_by_the_error():
    wave = np.zeros(48_000)
    wave[40_000] = np.nan
    with pytest.raises(StridorError, match="the recording contains samples that are not audio"):
        list(read_windows(encoded(wave, 16000), 1.0))
