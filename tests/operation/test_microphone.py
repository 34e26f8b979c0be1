"""Clips of the microphone are back to back, and are scored and removed as files are; the device is a fake."""

import itertools
import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import soundfile as sf
from click.testing import CliRunner

from stridor.cli.main import main
from stridor.common.errors import StridorError
from stridor.operation import microphone
from stridor.operation.journal import Journal, read_lines
from stridor.operation.kept import KeptRecordings
from stridor.operation.microphone import Device, Recorder, sound_device

RATE_HZ = 8000
START = datetime(2026, 3, 2, 6, 0, 0, tzinfo=UTC)


def device_of(blocks, channels=1, done=None):
    """A device that delivers blocks, each with whether samples before it were lost."""

    @contextmanager
    def opened(take):
        def deliver():
            for block, lost in blocks:
                take(block, lost)
            if done is not None:
                done.set()

        thread = threading.Thread(target=deliver, daemon=True)
        thread.start()
        yield
        thread.join()

    return Device("fake", RATE_HZ, channels, opened)


def counting(sizes, channels=1):
    """Blocks of samples that count up, so that a gap is seen."""
    count = itertools.count()
    return [np.array([[next(count) % 30000] * channels for _ in range(size)], np.int16) for size in sizes]


def test_clips_are_back_to_back_and_called_after_their_start(tmp_path):
    rng = np.random.default_rng(0)
    blocks = counting(rng.integers(1, 1500, 60).tolist(), channels=2)
    whole = np.concatenate(blocks)
    ticks = [START + timedelta(seconds=float(end)) for end in np.cumsum([len(one) for one in blocks]) / RATE_HZ]
    times = iter(ticks)
    recorder = Recorder(
        device_of([(one, False) for one in blocks], 2), 0.25, tmp_path / "new" / "clips",
        clock=lambda: next(times) if threading.current_thread().name != "writing clips" else START,
    )  # fmt: skip
    with recorder:
        pass
    files = sorted((tmp_path / "new" / "clips").iterdir())
    clips = [sf.read(path, dtype="int16")[0] for path in files]
    assert {sf.info(path).samplerate for path in files} == {RATE_HZ}
    assert {clip.shape for clip in clips} == {(2000, 2)}
    assert np.array_equal(np.concatenate(clips), whole[: len(whole) // 2000 * 2000])
    for number, path in enumerate(files):
        began = datetime.strptime(path.stem, "microphone_%Y-%m-%dT%H-%M-%S.%fZ").replace(tzinfo=UTC)
        assert abs((began - START).total_seconds() - 0.25 * number) < 0.0011


def test_a_clip_with_lost_samples_is_left_out_and_said(tmp_path):
    blocks = counting([1500, 1500, 1500, 1500])
    said = []
    with Recorder(device_of(zip(blocks, [False, False, True, False], strict=True)), 0.25, tmp_path, said.append):
        pass
    [clip] = [sf.read(path, dtype="int16")[0] for path in sorted(tmp_path.iterdir()) if path.suffix == ".wav"][1:]
    # The clip that the third block would have gone on with is gone; the next begins with that block.
    assert clip.tolist() == list(range(3000, 5000))
    assert said == ["the sound device has lost samples; the clip that they belong to is left out"]


def test_a_clock_that_is_set_back_overwrites_nothing(tmp_path):
    blocks = counting([1000, 1000, 1000])
    with Recorder(device_of([(one, False) for one in blocks]), 0.125, tmp_path, clock=lambda: START):
        pass
    assert len(list(tmp_path.iterdir())) == 3


def test_what_goes_wrong_is_raised_by_the_check(tmp_path, monkeypatch):
    (tmp_path / "clips").mkdir()
    left = tmp_path / "clips" / ".microphone_2026.unfinished-0.wav"
    left.write_bytes(b"RIFF")
    recorder = Recorder(device_of([]), 0.25, tmp_path / "clips")
    with recorder:
        assert not left.exists()
        recorder.check()
        monkeypatch.setattr(microphone, "SILENT_SECONDS", 0.0)
        with pytest.raises(StridorError, match="The sound device 'fake' has delivered nothing for 0 s"):
            recorder.check()
    monkeypatch.setattr(microphone, "SILENT_SECONDS", 60.0)
    (tmp_path / "gone").mkdir()
    failing = Recorder(device_of([(np.zeros((2000, 1), np.int16), False)]), 0.25, tmp_path / "gone")
    monkeypatch.setattr(sf, "write", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with failing:
        failing._thread.join(60)
        with pytest.raises(OSError, match="No space left"):
            failing.check()


def test_only_clips_of_the_microphone_are_removed_and_also_after_a_kill(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()

    def entry(name, anomalous, **more):
        path = folder / name
        path.write_bytes(name.encode())
        found = path.stat()
        return {
            "event": "recording", "file": name, "size": found.st_size, "mtime_ns": found.st_mtime_ns,
            "anomalous": anomalous,
        } | more  # fmt: skip

    with Journal(tmp_path / "clips.jsonl") as journal:
        for one in (
            entry("microphone_1.wav", False), entry("microphone_2.wav", True), entry("precious.wav", False),
            entry("microphone_3.wav", False, mtime_ns=1), {"event": "told", "to": "webhook", "number": 1},
        ):  # fmt: skip
            journal.append(one)
        KeptRecordings(journal, folder, "all").step()
        assert len(list(folder.iterdir())) == 4
        KeptRecordings(journal, folder, "anomalous").step()
        assert {one.name for one in folder.iterdir()} == {"microphone_2.wav", "precious.wav", "microphone_3.wav"}
        none = KeptRecordings(journal, folder, "none")
        none.step()
        assert {one.name for one in folder.iterdir()} == {"precious.wav", "microphone_3.wav"}
        journal.append(entry("microphone_4.wav", True))
        none.step()
        assert not (folder / "microphone_4.wav").exists()


def test_the_command_records_scores_and_keeps_what_is_anomalous(model, tmp_path, monkeypatch):
    monkeypatch.setattr("stridor.common.errors.find_spec", lambda name: name)
    monkeypatch.setattr(microphone, "SILENT_SECONDS", 600.0)
    rng = np.random.default_rng(0)
    loud = [(rng.standard_normal((400, 1)) * 3000).astype(np.int16) for _ in range(200)]
    monkeypatch.setattr(microphone, "sound_device", lambda name, channels: device_of([(one, False) for one in loud]))
    monkeypatch.chdir(tmp_path)
    command = ["watch", "microphone", "--detector", str(model), "--every", "0.05", "--once"]
    done = CliRunner().invoke(main, [*command, "--keep", "anomalous"])
    assert done.exit_code == 0, done.stderr
    assert "stridor: recording clips of" in done.stderr
    assert "ALARM: a recording is anomalous (pump), microphone_" in done.stdout
    scored = [one for one in read_lines(tmp_path / "microphone.jsonl") if one["event"] == "recording"]
    assert scored
    assert all(json.dumps(one["score"]) for one in scored)
    kept = {path.name for path in (tmp_path / "microphone").iterdir()}
    assert {one["file"] for one in scored if one["anomalous"]} <= kept


def test_a_machine_without_a_sound_device_is_told_so_in_a_sentence():
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        pytest.skip(f"sounddevice, of the extra stridor[microphone], or PortAudio is not installed: {error}")
    if any(one["max_input_channels"] for one in sounddevice.query_devices()):
        pytest.skip("there is a microphone here")
    with pytest.raises(StridorError, match="There is no microphone; no device here records sound"):
        sound_device()
    with pytest.raises(StridorError, match="There is no sound device 'hall' to record from"):
        sound_device("hall")
