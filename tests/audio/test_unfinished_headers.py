"""Files that nobody finished: a recorder that lost power, a program that wrote to a pipe, a copy that was cut off."""

import io
import struct
import warnings

import numpy as np
import pytest
import soundfile as sf

from stridor.audio.files import probe, read_clip
from stridor.audio.opening import open_sound
from stridor.common.errors import StridorError

SAMPLES = np.random.default_rng(0).integers(-9999, 9999, 16000, dtype=np.int16)


def encoded(kind, subtype="PCM_16"):
    file = io.BytesIO()
    sf.write(file, SAMPLES, 16000, format=kind, subtype=subtype)
    return bytearray(file.getvalue())


def with_sizes(kind, size):
    """Return a file whose header says, in every place, that it holds 0 or an unknown number (-1) of samples."""
    content = encoded(kind)
    places = {
        "WAV": [(4, 4), (content.find(b"data") + 4, 4)],
        "RF64": [(content.find(b"ds64") + 8, 8), (content.find(b"ds64") + 16, 8), (content.find(b"ds64") + 24, 8)],
        "AIFF": [(4, 4), (content.find(b"SSND") + 4, 4)],
        "AU": [(8, 4)],
        "CAF": [(content.find(b"data") + 4, 8)],
        "W64": [(16, 8), (content.find(b"data") + 16, 8)],
    }[kind]
    for at, length in places:
        content[at : at + length] = (b"\x00" if size == 0 else b"\xff") * length
    return bytes(content)


def read(path):
    """Return what is read of a file, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wave = read_clip(path)
    return wave, " ".join(str(one.message) for one in caught)


@pytest.mark.parametrize("kind", ["WAV", "RF64", "AIFF", "AU", "CAF", "W64"])
def test_samples_behind_a_size_of_0_are_read_and_it_is_said(tmp_path, kind):
    path = tmp_path / "lost.wav"
    path.write_bytes(with_sizes(kind, 0))
    wave, warned = read(path)
    assert np.array_equal(wave, SAMPLES.astype(np.float32) / 32768)
    assert "lost.wav was never finished and says that it is empty; the 1.00 s that follow are used" in warned
    assert probe(path).frames == 16000
    assert np.array_equal(read(io.BytesIO(path.read_bytes()))[0], wave)


@pytest.mark.parametrize("kind", ["WAV", "AU", "CAF"])
def test_an_unknown_size_is_what_a_pipe_leaves_and_no_fault(tmp_path, kind):
    path = tmp_path / "piped.wav"
    path.write_bytes(with_sizes(kind, -1))
    wave, warned = read(path)
    assert np.array_equal(wave, SAMPLES.astype(np.float32) / 32768)
    assert warned == ""


@pytest.mark.parametrize("kind", ["WAV", "RF64", "AIFF", "AU", "CAF", "W64"])
def test_what_is_left_of_a_file_that_was_cut_off_is_read_and_it_is_said(tmp_path, kind):
    content = encoded(kind)
    path = tmp_path / "cut.wav"
    path.write_bytes(content[: len(content) // 2 + 1])
    wave, warned = read(path)
    assert 6900 < len(wave) <= 8000
    assert np.array_equal(wave, SAMPLES[: len(wave)].astype(np.float32) / 32768)
    assert "cut.wav is shorter than its header says" in warned


def test_a_file_that_is_empty_on_purpose_contains_no_samples(tmp_path):
    content = encoded("WAV")
    start = content.find(b"data") + 8
    empty = content[: start - 4] + struct.pack("<I", 0) + b"LIST" + struct.pack("<I", 4) + b"INFO"
    for name, text in (("a.wav", empty), ("b.wav", empty[:start])):
        (tmp_path / name).write_bytes(text)
        with pytest.raises(StridorError, match=f"{name} contains no samples"):
            read_clip(tmp_path / name)


@pytest.mark.parametrize(("kind", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", "PCM_16")])
def test_compressed_files_that_were_cut_off_are_refused_with_a_reason(tmp_path, kind, subtype):
    content = encoded(kind, subtype)
    path = tmp_path / "cut.wav"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(StridorError) as refused:
        read_clip(path)
    sentence = str(refused.value)
    assert "cut.wav" in sentence
    assert "()" not in sentence
    assert "contains no samples" not in sentence


def test_half_an_mp3_is_read_without_a_word_of_its_decoder(tmp_path, capfd):
    content = encoded("MP3", "MPEG_LAYER_III")
    path = tmp_path / "cut.mp3"
    path.write_bytes(content[: len(content) // 2])
    wave, warned = read(path)
    assert len(wave) > 4000
    assert "cut.mp3 is shorter than its header says" in warned
    assert capfd.readouterr().err == ""


def test_a_format_far_behind_in_a_wav_is_read_without_a_word_of_its_decoder(tmp_path, capfd):
    other = b"id3 " + (40).to_bytes(4, "little") + bytes(40)
    mp3 = bytes.fromhex("5500 0100 803e0000 d0070000 0100 0000 0c00 0100 02000000 2001 0100 7105")
    fmt = b"fmt " + len(mp3).to_bytes(4, "little") + mp3 + b"fact" + (4).to_bytes(4, "little") + bytes(4)
    junk = np.random.default_rng(0).bytes(90_000).replace(b"\xff", b"\x00")
    body = b"WAVE" + other + fmt + b"data" + len(junk).to_bytes(4, "little") + junk
    path = tmp_path / "junk.wav"
    path.write_bytes(b"RIFF" + len(body).to_bytes(4, "little") + body)
    with pytest.raises(StridorError, match=r"junk\.wav"):
        read_clip(path)
    assert capfd.readouterr().err == ""


def test_an_offset_before_the_file_is_refused_without_a_traceback_from_c(capfd):
    broken = bytes.fromhex("464f524d000011c241494646434f4d4d000000120001000005")
    with pytest.raises(StridorError, match="the recording is not readable audio"):
        read_clip(io.BytesIO(broken))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["WAV", "RF64", "AIFF", "AU", "CAF", "W64"])
def test_any_header_cut_anywhere_is_one_sentence(tmp_path, kind):
    content = encoded(kind)
    path = tmp_path / "cut.wav"
    sentences = []
    for length in range(120):
        path.write_bytes(content[:length])
        try:
            with open_sound(path) as recording:
                recording.read(10)
        except StridorError as error:
            sentences.append(str(error))
    assert len(sentences) >= 20
    assert all("cut.wav" in sentence for sentence in sentences)


@pytest.mark.parametrize("kind", ["CAF", "W64", "AIFF", "WAV"])
@pytest.mark.parametrize("size", [2**63 - 1, 2**63 - 13, 2**62])
def test_a_size_that_leads_to_no_place_is_one_sentence_or_read(tmp_path, kind, size):
    content = encoded(kind)
    mark = {"CAF": b"desc", "W64": b"fmt ", "AIFF": b"COMM", "WAV": b"fmt "}[kind]
    at = content.find(mark) + (16 if kind == "W64" else 4)
    content[at : at + 8] = struct.pack(">Q" if kind in ("CAF", "AIFF") else "<Q", size)
    path = tmp_path / "odd.wav"
    path.write_bytes(content)
    for source in (path, io.BytesIO(content)):
        try:
            wave = read_clip(source, name="odd.wav")
        except StridorError as error:
            said = str(error)
        else:
            said = f"odd.wav has {len(wave)} samples"
        assert "odd.wav" in said


@pytest.mark.parametrize("tag", [0x50, 0x55])
def test_an_mp3_in_a_wav_file_is_refused_or_read_without_a_word_of_its_decoder(tmp_path, capfd, tag):
    content = encoded("WAV")
    content[20:22] = struct.pack("<H", tag)
    (tmp_path / "odd.wav").write_bytes(content)
    with pytest.raises(StridorError, match=r"odd\.wav is not readable audio") as refused:
        read_clip(tmp_path / "odd.wav")
    assert "regular file" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_a_decoder_that_never_ends_is_read_as_long_as_the_header_says(tmp_path, monkeypatch):
    sf.write(tmp_path / "odd.wav", SAMPLES, 16000)
    # As libsndfile does for some damaged Opus files: its position goes back, and it decodes on.
    monkeypatch.setattr(sf.SoundFile, "tell", lambda sound: 0)
    monkeypatch.setattr(
        sf.SoundFile, "read", lambda sound, frames, dtype, always_2d: np.ones((min(frames, 5000), 1), dtype=dtype)
    )
    assert len(read_clip(tmp_path / "odd.wav")) == 16000
