"""Reading, probing and writing clips."""

import io
import os
import subprocess
import sys
import warnings
import wave as wave_module

import numpy as np
import pytest
import soundfile as sf

from stridor.audio.files import SAMPLE_RATE_HZ, probe, read_clip, write_clip
from stridor.common.errors import StridorError


def tone(seconds: float, rate_hz: int = SAMPLE_RATE_HZ, frequency_hz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)


@pytest.mark.parametrize("samples", [1, 2, 399, 2801, 16001])
def test_written_clip_is_read_back_bit_for_bit(tmp_path, samples):
    steps = np.random.default_rng(samples).integers(-32768, 32768, samples).astype(np.int16)
    wave = (steps / 32768).astype(np.float32)
    write_clip(tmp_path / "a.wav", wave)
    back = read_clip(tmp_path / "a.wav")
    assert back.dtype == np.float32
    assert np.array_equal(back, wave)
    write_clip(tmp_path / "b.wav", back)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_rounding_is_to_the_nearest_and_halves_to_even(tmp_path):
    wave = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 0.49, 32768.0, -32768.0]) / 32768
    write_clip(tmp_path / "a.wav", wave)
    with wave_module.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16000)
        steps = np.frombuffer(file.readframes(100), "<i2")
    assert steps.tolist() == [0, 2, 2, 0, -2, 0, 32767, -32768]


@pytest.mark.parametrize(
    "wave",
    [
        np.zeros(0),
        np.zeros((2, 5)),
        np.zeros(5, dtype=np.int16),
        np.array([0.0, np.nan]),
        np.array([np.inf]),
        np.array([0.0, 1.0001]),
        np.array([-1.0001]),
    ],
)
def test_unfit_wave_is_not_written(tmp_path, wave):
    with pytest.raises(ValueError, match=r"a\.wav"):
        write_clip(tmp_path / "a.wav", wave)
    assert list(tmp_path.iterdir()) == []


def test_channels_are_averaged_or_picked(tmp_path):
    left, right = np.full(100, 0.25), np.full(100, -0.125)
    sf.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 16000, subtype="FLOAT")
    assert np.allclose(read_clip(tmp_path / "a.wav"), 0.0625)
    assert np.allclose(read_clip(tmp_path / "a.wav", channel=0), 0.25)
    assert np.allclose(read_clip(tmp_path / "a.wav", channel=1), -0.125)


@pytest.mark.parametrize("channel", [2, -1])
def test_missing_channel_is_refused_by_name(tmp_path, channel):
    sf.write(tmp_path / "a.wav", np.zeros((100, 2)), 16000)
    with pytest.raises(StridorError, match=rf"a\.wav has no channel {channel}; its channels are 0 to 1"):
        read_clip(tmp_path / "a.wav", channel)


def test_many_channels_are_read_in_blocks(tmp_path, monkeypatch):
    frames = np.random.default_rng(0).uniform(-1, 1, (1001, 7))
    sf.write(tmp_path / "a.wav", frames, 16000, subtype="FLOAT")
    whole = read_clip(tmp_path / "a.wav")
    monkeypatch.setattr("stridor.audio.channels._VALUES_PER_BLOCK", 70)
    assert np.array_equal(read_clip(tmp_path / "a.wav"), whole)
    assert np.allclose(whole, frames.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 22050, 44100, 48000, 96000])
def test_other_rates_are_resampled(tmp_path, rate_hz):
    sf.write(tmp_path / "a.wav", tone(0.5, rate_hz), rate_hz, subtype="FLOAT")
    wave = read_clip(tmp_path / "a.wav")
    assert wave.dtype == np.float32
    assert wave.shape == (8000,)
    # The filter rings at the ends.
    assert np.abs(wave - tone(0.5))[200:-200].max() < 0.01


@pytest.mark.parametrize("rate_hz", [1, 1999, 16001, 800000])
def test_rate_without_a_sane_filter_is_refused(tmp_path, rate_hz):
    sf.write(tmp_path / "a.wav", np.zeros(100), rate_hz)
    with pytest.raises(StridorError, match=rf"a\.wav has an unusual sampling rate of {rate_hz} Hz"):
        read_clip(tmp_path / "a.wav")


def test_probe_reads_the_header_only(tmp_path):
    sf.write(tmp_path / "a.wav", np.zeros((22050, 3)), 44100)
    info = probe(tmp_path / "a.wav")
    assert (info.seconds, info.sample_rate_hz, info.channels, info.frames) == (0.5, 44100, 3, 22050)


@pytest.mark.parametrize("read", [probe, read_clip])
@pytest.mark.parametrize("content", [b"", b"RIFF", b"no audio at all" * 10, b"\0" * 1000])
def test_files_that_are_not_audio_are_an_error_with_the_name(tmp_path, read, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(StridorError, match=r"a\.wav is not readable audio \(.+\); export it as WAV\."):
        read(tmp_path / "a.wav")


@pytest.mark.parametrize("read", [probe, read_clip])
def test_missing_folder_pipe_and_empty_clip_are_refused(tmp_path, read):
    with pytest.raises(StridorError, match=r"a\.wav is missing"):
        read(tmp_path / "a.wav")
    with pytest.raises(StridorError, match="is not a file"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(StridorError, match=r"pipe\.wav is not a file"):
        read(tmp_path / "pipe.wav")
    sf.write(tmp_path / "b.wav", np.zeros(0), 16000)
    with pytest.raises(StridorError, match=r"b\.wav contains no samples"):
        read(tmp_path / "b.wav")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_samples_that_are_no_audio_are_refused(tmp_path, bad):
    wave = np.zeros(1000, dtype=np.float32)
    wave[500] = bad
    sf.write(tmp_path / "a.wav", wave, 16000, subtype="FLOAT")
    with pytest.raises(StridorError, match=r"a\.wav contains samples that are not audio"):
        read_clip(tmp_path / "a.wav")


def test_float_beyond_full_scale_stays(tmp_path):
    wave = np.array([3.5, -3.5, 0.0], dtype=np.float32)
    sf.write(tmp_path / "a.wav", wave, 16000, subtype="FLOAT")
    assert read_clip(tmp_path / "a.wav").tolist() == [3.5, -3.5, 0.0]


def test_truncated_file_is_read_with_a_warning(tmp_path):
    write_clip(tmp_path / "a.wav", tone(1.0))
    (tmp_path / "b.wav").write_bytes((tmp_path / "a.wav").read_bytes()[: 44 + 2 * 5000 + 1])
    with pytest.warns(UserWarning, match=r"b\.wav is shorter than its header says; its 0\.31 s are used"):
        wave = read_clip(tmp_path / "b.wav")
    assert np.array_equal(wave, read_clip(tmp_path / "a.wav")[:5000])


def test_streamed_header_is_no_reason_to_warn(tmp_path):
    write_clip(tmp_path / "a.wav", tone(0.2))
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_clip(io.BytesIO(bytes(content)))) == 3200


def test_damaged_flac_is_refused(tmp_path):
    sf.write(tmp_path / "a.flac", np.random.default_rng(0).uniform(-1, 1, 20000), 16000)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
    with pytest.raises(StridorError, match=r"a\.flac is damaged"):
        read_clip(tmp_path / "a.flac")


def test_flac_of_unknown_length_is_refused(tmp_path):
    sf.write(tmp_path / "a.flac", np.zeros(20000), 16000)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    # The length in STREAMINFO is 36 bits from the low half of byte 21 on; 0 is what a pipe writes.
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(content)
    for read in (probe, read_clip):
        with pytest.raises(StridorError, match=r"The header of .*a\.flac does not contain its length"):
            read(tmp_path / "a.flac")


def test_binary_files_are_read_and_named(tmp_path):
    write_clip(tmp_path / "a.wav", tone(0.3))
    expected = read_clip(tmp_path / "a.wav")
    content = (tmp_path / "a.wav").read_bytes()
    assert np.array_equal(read_clip(io.BytesIO(content)), expected)
    with open(tmp_path / "a.wav", "rb") as file:
        assert np.array_equal(read_clip(file), expected)
    with os.fdopen(_pipe_of(content), "rb") as pipe:
        assert np.array_equal(read_clip(pipe), expected)
    with pytest.raises(StridorError, match=r"^request 7 is not readable audio"):
        read_clip(io.BytesIO(b"?"), name="request 7")


def _pipe_of(content: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


def test_reading_16_khz_needs_no_torch(tmp_path):
    write_clip(tmp_path / "a.wav", tone(0.1))
    program = (
        "import sys; from stridor.audio.files import read_clip; "
        f"read_clip({str(tmp_path / 'a.wav')!r}); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_midi_dump_is_refused_before_its_decoder_prints_what_is_wrong(tmp_path, capfd):
    content = io.BytesIO()
    sf.write(content, np.zeros(4000), 16000, format="SDS", subtype="PCM_16")
    broken = bytearray(content.getvalue())
    broken[30::7] = bytes(len(broken[30::7]))
    (tmp_path / "dump.wav").write_bytes(broken)
    with pytest.raises(StridorError, match=r"dump\.wav is a MIDI sample dump, which is not read; export it as WAV"):
        read_clip(tmp_path / "dump.wav")
    assert capfd.readouterr() == ("", "")


def test_infinite_samples_of_opposite_signs_are_refused_and_not_warned_of(tmp_path):
    samples = np.zeros((4000, 2), dtype=np.float32)
    samples[7] = np.inf, -np.inf
    sf.write(tmp_path / "odd.wav", samples, 16000, subtype="FLOAT")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(StridorError, match="NaN or infinite"):
            read_clip(tmp_path / "odd.wav")


def test_damaged_apple_lossless_is_read_without_a_word_of_its_decoder(tmp_path):
    content = io.BytesIO()
    sf.write(content, np.linspace(-0.1, 0.1, 80_000), 16000, format="CAF", subtype="ALAC_16")
    broken = bytearray(content.getvalue())
    table = broken.find(b"pakt")
    end = table + 12 + int.from_bytes(broken[table + 4 : table + 12], "big")
    # Sizes of packets that never end.
    broken[table + 36 : end] = b"\xff" * (end - table - 36)
    (tmp_path / "lossless.caf").write_bytes(broken)
    program = f"import soundfile; print('before'); soundfile.SoundFile({str(tmp_path / 'lossless.caf')!r})"
    assert "Ooops" in subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout
    program = (
        "from stridor.audio.files import read_clip\n"
        "from stridor.common.errors import one_sentence\n"
        "print('before')\n"
        f"with one_sentence(): read_clip({str(tmp_path / 'lossless.caf')!r})\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.stdout == "before\n"
    assert said.stderr.count("\n") <= 1


def test_what_is_printed_while_a_noisy_decoder_works_is_kept(tmp_path):
    sf.write(tmp_path / "lossless.caf", np.linspace(-0.1, 0.1, 8000), 16000, format="CAF", subtype="ALAC_16")
    program = (
        "import soundfile\n"
        "from stridor.audio.files import read_clip\n"
        "opened = soundfile.SoundFile.__init__\n"
        "def saying(*arguments, **named):\n"
        "    print('meanwhile')\n"
        "    opened(*arguments, **named)\n"
        "soundfile.SoundFile.__init__ = saying\n"
        f"print(len(read_clip({str(tmp_path / 'lossless.caf')!r})))\n"
    )
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=buffered)
    assert said.stdout == "meanwhile\n8000\n"
