"""Long recordings and many of them, by a detector of mean spectra."""

import tracemalloc

import numpy as np
import pytest
import soundfile as sf

from recordings import noise
from stridor.audio.files import read_clip
from stridor.params.scoring_sections import BankParams
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.embedding import LogMelEmbedder
from stridor.scoring.reference import MachineReference
from stridor.scoring.threshold import calibrate
from stridor.serving.detector import Detector
from stridor.serving.found import find_recordings
from stridor.serving.listening import Failure
from stridor.serving.options import ScoringOptions


@pytest.fixture(scope="module")
def detector():
    embedder, count = LogMelEmbedder(), 30
    embeddings = embedder.embed([noise(1, i) for i in range(count)])
    bank = ReferenceBank(BankParams()).fit(embeddings, ["source"] * count, [f"{i}.wav" for i in range(count)])
    reference = MachineReference(bank, calibrate(bank.leave_one_out_scores(), clip_seconds=1.0))
    return Detector(embedder, {"pump": reference})


def test_windows_of_a_recording_score_as_clips_of_it(detector, tmp_path):
    for rate_hz in (16000, 44100):
        samples = noise(7.6, 100, rate_hz)
        samples[3 * rate_hz : 4 * rate_hz] *= 3
        sf.write(tmp_path / "long.wav", samples, rate_hz, subtype="FLOAT")
        found = detector.score(tmp_path / "long.wav")
        assert [one.start_seconds for one in found.windows] == list(range(8))
        for one in found.windows:
            start, end = (round(at * rate_hz) for at in (one.start_seconds, one.start_seconds + one.seconds))
            sf.write(tmp_path / "clip.wav", samples[start:end], rate_hz, subtype="FLOAT")
            alone = detector.score(tmp_path / "clip.wav")
            assert one.score == pytest.approx(alone.score, abs=1e-5)
            assert one.p_value == pytest.approx(alone.p_value, abs=1e-5)
        # Resampled noise lacks what is above 8 kHz, so that all of it is odd.
        assert found.anomalous
        if rate_hz == 16000:
            assert found.worst_second == detector.score(read_clip(tmp_path / "long.wav")).worst_second == 3


def test_a_clip_a_little_longer_than_learnt_is_not_cut(detector):
    assert len(detector.score(noise(1.49, 5)).windows) == 1
    assert len(detector.score(noise(1.51, 5)).windows) == 2


def test_failures_do_not_stop_the_others_or_change_them(detector, tmp_path):
    names = [f"{i:02d}.wav" for i in range(30)]
    for i, name in enumerate(names):
        sf.write(tmp_path / name, noise(0.1 if i % 7 == 3 else 1 + i % 3, i), 16000)
    late = noise(40, 9)
    late[-1000] = np.nan
    sf.write(tmp_path / "15.wav", late, 16000, subtype="FLOAT")
    answers = list(detector.score_many([tmp_path / name for name in names]))
    assert [answer.recording for answer in answers] == [str(tmp_path / name) for name in names]
    failed = [i for i, answer in enumerate(answers) if isinstance(answer, Failure)]
    assert failed == [3, 10, 15, 17, 24]
    assert "10.wav has 1600 samples" in answers[10].reason
    assert "15.wav contains samples that are not audio" in answers[15].reason
    for i in set(range(30)) - set(failed):
        assert answers[i].score == pytest.approx(detector.score(tmp_path / names[i]).score, abs=1e-5)


def test_a_recording_that_is_shorter_than_it_says_is_scored_with_a_warning(detector, tmp_path):
    sf.write(tmp_path / "whole.wav", noise(5, 1), 16000)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[:90_000])
    with pytest.warns(UserWarning, match=r"cut\.wav is shorter than its header says"):
        assert len(detector.score(tmp_path / "cut.wav").windows) == 3


def test_the_length_of_a_recording_costs_no_memory(detector, tmp_path):
    with sf.SoundFile(tmp_path / "long.wav", "w", 16000, 1, "PCM_16") as file:
        for i in range(30):
            file.write(noise(10, i))
    tracemalloc.start()
    found = detector.score(tmp_path / "long.wav")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.windows) == 300
    # All of it would take 19 MB, twice over where it is put together.
    assert peak < 16e6


def test_a_promise_of_the_whole_holds_for_the_windows(detector):
    """Of normal noise, about as many windows are flagged as promised."""
    flagged = 0
    for seed in range(20):
        found = detector.score(noise(20, 1000 + seed), options=ScoringOptions(false_alarm_rate=0.1))
        flagged += sum(one.flagged for one in found.windows)
        assert found.anomalous == any(one.flagged for one in found.windows)
    assert flagged / 400 < 0.2


def test_folders_become_their_audio_files_in_order(tmp_path):
    for name in ("b/2.wav", "b/1.MP3", "a/x.flac", "c.ogg", "b/.hidden.wav", ".d/y.wav", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found, failures = find_recordings([tmp_path, tmp_path / "b/notes.txt"])
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["c.ogg", "a/x.flac", "b/1.MP3", "b/2.wav", "b/notes.txt"]
    assert failures == []
