"""What an explanation marks is where a fault is, and it is about the window that the verdict is about."""

import io

import numpy as np
import pytest
import soundfile as sf
from benchmarks.planted import FAULTS, covers

from stridor.baselines.served import AutoencoderReference
from stridor.common.errors import StridorError
from stridor.explanation.explain import Explainer
from stridor.explanation.page import wav_bytes
from stridor.scoring.bank import ReferenceBank
from stridor.scoring.reference import MachineReference
from stridor.serving.detector import Detector


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_marked(slider, held_out, fault):
    found = []
    for number, wave in enumerate(held_out):
        planted = FAULTS[fault](wave, np.random.default_rng(number))
        places = slider.explain(wav_bytes(planted.wave)).places
        assert 1 <= len(places) <= 3
        assert [place.strength for place in places] == sorted((place.strength for place in places), reverse=True)
        found.append(next((place for place in places if covers(place, planted)), None))
    # Over all machines and many clips, benchmarks/explaining.py counts how often.
    assert sum(place is not None for place in found) >= len(held_out) - 1
    for place in found:
        assert place is None or (place.decibels < 0) == (fault == "missing stroke")


def test_what_normal_clips_have_is_not_marked_as_unusual(slider, held_out):
    for wave in held_out:
        strongest = slider.explain(wav_bytes(wave)).places[0]
        assert strongest.clips == 20
        assert strongest.as_strong > 0
    loud = held_out[0] + 0.1 * np.sin(2 * np.pi * 3000 * np.arange(len(held_out[0])) / 16000)
    strongest = slider.explain(wav_bytes(loud)).places[0]
    assert strongest.as_strong == 0
    assert strongest.low_hz < 3000 < strongest.high_hz


def test_the_oddest_window_of_a_long_recording_is_explained(slider, held_out):
    roar = held_out[1].copy()
    roar[16000:24000] = 0.3 * np.random.default_rng(0).standard_normal(8000).clip(-3, 3)
    long = np.concatenate([held_out[0], held_out[2], roar, held_out[3]])
    explained = slider.explain(wav_bytes(long))
    start = 2 * len(roar) / 16000
    assert len(explained.verdict.windows) == 4
    assert explained.window.start_seconds == explained.verdict.oddest_start == pytest.approx(start)
    assert explained.sound.wave == pytest.approx(roar, abs=1e-4)
    # The roar lasts from 1.0 to 1.5 s and has all frequencies.
    assert explained.places[0].start_seconds == pytest.approx(1.0, abs=0.15)
    assert explained.places[0].end_seconds == pytest.approx(1.5, abs=0.15)
    assert explained.places[0].high_hz > 5000
    assert explained.nearest is not None
    assert explained.nearest.name == explained.verdict.nearest
    assert explained.strength.shape == explained.expected.shape == explained.sound.image.shape


def test_the_verdict_is_that_of_scoring(slider, held_out, tmp_path):
    sf.write(tmp_path / "a.wav", held_out[0], 16000)
    explained, scored = slider.explain(tmp_path / "a.wav"), slider.detector.score(tmp_path / "a.wav")
    assert explained.verdict == scored


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (192_000, 1), (16000, 8)])
def test_any_rate_and_number_of_channels(slider, rate_hz, channels):
    rng, encoded = np.random.default_rng(0), io.BytesIO()
    sf.write(encoded, 0.05 * rng.standard_normal((2 * rate_hz, channels)), rate_hz, format="WAV")
    explained = slider.explain(encoded.getvalue(), name="odd.wav")
    assert explained.verdict.recording == "odd.wav"
    assert len(explained.sound.wave) == 32000


def test_clipped_and_very_short_recordings(slider, held_out):
    explained = slider.explain(wav_bytes((1000 * held_out[0]).clip(-1, 1)))
    assert explained.verdict.anomalous
    assert slider.explain(wav_bytes(held_out[0][:2800])).strength.shape == (16, 128)
    with pytest.raises(StridorError, match="needs at least 2800"):
        slider.explain(wav_bytes(held_out[0][:1600]))
    with pytest.raises(StridorError, match=r"quiet\.wav is silent"):
        slider.explain(wav_bytes(np.zeros(32000)), name="quiet.wav")
    with pytest.raises(StridorError, match="at most 1 s"):
        slider.explain(wav_bytes(held_out[0]), longest_seconds=1)


def test_without_the_normal_recordings_there_is_one_sentence(slider, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StridorError, match=r"no project.*--normals"):
        Explainer(slider.detector, "", None).explain(wav_bytes(np.zeros(32000)))
    (tmp_path / "params.yaml").touch()
    with pytest.raises(StridorError, match=r"data/slider/train holds none of the 20 .*--normals"):
        Explainer(slider.detector, "", None).explain(wav_bytes(np.zeros(32000)))


def test_clips_of_an_enrolled_machine_are_parts_of_recordings(slider, slider_clips, tmp_path):
    paths = sorted((slider_clips / "data/slider/train").iterdir())[:12]
    (tmp_path / "week 1").mkdir()
    long = np.concatenate([sf.read(path)[0] for path in paths[:8]])
    sf.write(tmp_path / "week 1/a.wav", np.stack([long, long], axis=1), 16000)
    (tmp_path / "b.wav").write_bytes(paths[8].read_bytes())
    names = [f"week 1/a.wav from {3.6 * i:g} s" for i in range(8)] + ["b.wav", "week 1/gone.wav from 0 s"]
    known = slider.detector.references["slider"].bank
    bank = ReferenceBank().fit(known.embeddings_[:10], ["source"] * 10, names)
    reference = MachineReference(bank, slider.detector.references["slider"].calibration)
    explainer = Explainer(Detector(slider.detector.embedder, {"slider": reference}), "", tmp_path)
    learnt = explainer.learn("slider")
    assert set(learnt.paths) == set(names[:9])
    assert learnt.paths[names[2]].read("mean", 3.6) == pytest.approx(sf.read(paths[2])[0], abs=1e-4)
    explained = explainer.explain(paths[2])
    assert explained.nearest is not None
    assert explained.nearest.name == names[2]


def test_recordings_that_only_have_the_names_are_not_taken(slider, slider_clips, tmp_path, held_out):
    names = sorted(path.name for path in (slider_clips / "data/slider/train").iterdir())
    for name in names:
        sf.write(tmp_path / name, held_out[0] * 0.1, 16000)
    with pytest.raises(StridorError, match=r"Of 20 normal recordings .* 0 are those"):
        Explainer(slider.detector, "", tmp_path).learn("slider")
    for name in names[:5]:
        (tmp_path / name).write_bytes((slider_clips / "data/slider/train" / name).read_bytes())
    Explainer(slider.detector, "", tmp_path).learn("slider")


def test_an_autoencoder_is_not_explained(slider, slider_clips):
    calibration = slider.detector.references["slider"].calibration
    detector = Detector(slider.detector.embedder, {"slider": AutoencoderReference(0, calibration)})
    with pytest.raises(StridorError, match="The detector of 'slider' is an autoencoder"):
        Explainer(detector, "", slider_clips / "data").learn("slider")
