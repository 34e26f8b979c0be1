"""Listening: what is refused, what is silent, and digests that know the sound and not the file."""

import shutil

import numpy as np
import pytest
import soundfile as sf

from kit import kit
from recordings import write_recording
from stridor.audio.files import read_clip
from stridor.common.errors import StridorError
from stridor.ingest.recordings.plain.folder import Recording
from stridor.ingest.recordings.plain.survey import survey


def heard(path, clip_seconds=1.0, channel="mean"):
    return survey(Recording(path, "normal", "source", path.name), clip_seconds, channel)


def write(path, samples, rate_hz=4000, **how):
    sf.write(path, samples, rate_hz, **how)
    return path


def test_a_recording_as_it_is(tmp_path):
    samples = write_recording(tmp_path / "a.wav", 2.25, rate_hz=4000, channels=2)
    one = heard(tmp_path / "a.wav")
    assert (one.sample_rate_hz, one.channels, one.frames, one.seconds) == (4000, 2, 9000, 2.25)
    assert [(piece.start, piece.frames, piece.silent) for piece in one.pieces] == [
        (0, 4000, False),
        (4000, 5000, False),
    ]
    assert one.peak == pytest.approx(np.abs(samples.mean(axis=1)).max() / 32768)
    assert heard(tmp_path / "a.wav", channel=1).peak == pytest.approx(np.abs(samples[:, 1].astype(int)).max() / 32768)
    assert one.findings == {}
    assert not one.cut_short


def test_digests_know_the_sound_and_not_the_format(tmp_path):
    samples = write_recording(tmp_path / "a.wav", 2)
    other = write(tmp_path / "b.flac", samples)
    fine = write(tmp_path / "c.wav", samples / 32768, subtype="PCM_24")
    faster = write(tmp_path / "d.wav", samples, 8000)
    wide = write(tmp_path / "e.wav", samples.reshape(-1, 2))
    digests = [[piece.digest for piece in heard(path).pieces] for path in (tmp_path / "a.wav", other, fine)]
    assert digests[0] == digests[1] == digests[2]
    assert len(set(digests[0])) == 2
    assert not set(digests[0]) & {piece.digest for path in (faster, wide) for piece in heard(path).pieces}


def test_blocks_and_the_rest_do_not_change_a_digest(tmp_path, monkeypatch):
    samples = write_recording(tmp_path / "a.wav", 3)
    longer = write(tmp_path / "b.wav", np.concatenate([samples, samples[:1000]]))
    whole = [piece.digest for piece in heard(tmp_path / "a.wav").pieces]
    monkeypatch.setattr("stridor.ingest.recordings.plain.survey.VALUES_PER_BLOCK", 333)
    assert [piece.digest for piece in heard(tmp_path / "a.wav").pieces] == whole
    assert [piece.digest for piece in heard(longer).pieces] == whole


def test_silence_is_told_for_each_clip_and_for_the_channel_that_is_read(tmp_path):
    samples = write_recording(tmp_path / "a.wav", 3, channels=2)
    samples[4000:8000] = 12
    samples[8000:, 0] = 0
    samples[:4000, 1] = -samples[:4000, 0]
    path = write(tmp_path / "b.wav", samples)
    assert [piece.silent for piece in heard(path).pieces] == [True, True, False]
    assert [piece.silent for piece in heard(path, channel=0).pieces] == [False, True, True]
    assert [piece.silent for piece in heard(path, channel=1).pieces] == [False, True, False]


def test_a_silent_clip_with_a_rest_that_is_not_is_kept(tmp_path):
    samples = np.zeros(4200)
    samples[4100:] = 0.5
    (piece,) = heard(write(tmp_path / "a.wav", samples)).pieces
    assert not piece.silent


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.full(699, 0.1), "lasts 0.1747 s; the encoder needs at least 0.175 s"),
        (np.zeros(0), "contains no samples"),
        (np.r_[np.full(9000, 0.1), np.nan, np.full(9000, 0.1)], "NaN or infinite"),
        (np.r_[np.full(9000, 0.1), np.inf], "NaN or infinite"),
        (np.r_[np.full(9000, 0.1), -1e12], "NaN or infinite"),
    ],
)
def test_unusable_recordings_are_refused_by_name(tmp_path, samples, said):
    path = write(tmp_path / "a.wav", samples, subtype="DOUBLE")
    with pytest.raises(StridorError) as refused:
        heard(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def test_the_shortest_recording_is_a_clip(tmp_path):
    assert heard(write(tmp_path / "a.wav", np.full(700, 0.1))).frames == 700


def test_what_the_reader_would_refuse_later_is_refused_now(tmp_path):
    write_recording(tmp_path / "a.wav", 1, channels=2)
    with pytest.raises(StridorError, match=r"a.wav has no channel 2; its channels are 0 to 1"):
        heard(tmp_path / "a.wav", channel=2)
    odd = write(tmp_path / "b.wav", np.full(99991, 0.1), 99991)
    with pytest.raises(StridorError, match=r"b.wav has an unusual sampling rate of 99991 Hz"):
        heard(odd)
    with pytest.raises(StridorError, match=r"b.wav has an unusual sampling rate"):
        read_clip(odd)


def half(path):
    """Drop the second half of a file's bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def test_a_recording_that_was_cut_off_is_told(tmp_path):
    write_recording(tmp_path / "a.wav", 4)
    one = heard(half(tmp_path / "a.wav"))
    assert one.cut_short
    assert 1.9 < one.seconds < 2
    assert [piece.start for piece in one.pieces] == [0, 4000]


def test_a_damaged_recording_is_refused(tmp_path):
    write_recording(tmp_path / "a.flac", 20)
    with pytest.raises(StridorError, match=r"a\.flac is damaged \(.*\); export it again"):
        heard(half(tmp_path / "a.flac"))
    (tmp_path / "c.wav").write_bytes(b"")
    with pytest.raises(StridorError, match=r"c\.wav is not readable audio"):
        heard(tmp_path / "c.wav")


@pytest.mark.filterwarnings("ignore:.*is shorter than its header says")
def test_the_kit_s_odd_files_are_heard_as_the_reader_reads_them(tmp_path):
    files = [path for path in sorted(kit("audio_odd").iterdir()) if path.suffix not in (".csv", ".md")]
    outcomes = set()
    for path in files:
        copy = shutil.copy(path, tmp_path / path.name)
        try:
            wave = read_clip(path)
        except StridorError:
            with pytest.raises(StridorError):
                heard(tmp_path / path.name)
            outcomes.add("refused")
            continue
        if len(wave) < 2800:
            with pytest.raises(StridorError, match="the encoder needs at least"):
                heard(tmp_path / path.name)
            outcomes.add("short")
            continue
        one = heard(tmp_path / path.name, clip_seconds=10)
        assert abs(one.seconds - len(wave) / 16000) < 1e-3, copy
        # Resampling moves peaks a little.
        if one.sample_rate_hz == 16000:
            assert one.peak == pytest.approx(np.abs(wave).max())
        outcomes.add("heard")
    assert outcomes == {"refused", "short", "heard"}
