"""Pages need nothing beside them, say what the explanation says, and are not broken by names."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from stridor.audio.windows import Window
from stridor.explanation.explain import Explanation, Sound
from stridor.explanation.folder import PageFolder
from stridor.explanation.oddness import Place
from stridor.explanation.page import Row, folder_page, recording_page
from stridor.explanation.pictures import draw_explanation
from stridor.explanation.separation import Separated
from stridor.serving.listening import Failure
from stridor.serving.verdict import Verdict, WindowScore

NASTY = '<script>alert("x")</script>$a$b.wav'


def verdict(name="new.wav", p_value=0.01, score=2.0, windows=1):
    scored = tuple(WindowScore(2.0 * i, 2.0, score if i == windows - 1 else 0.5, 1.0, p_value) for i in range(windows))
    return Verdict(name, "pump", score, 1.0, score > 1, "normal_1.wav", p_value, "source", 50, scored)


@pytest.fixture(scope="module")
def explanation():
    rng = np.random.default_rng(0)
    wave, image = 0.1 * rng.standard_normal(16000), rng.standard_normal((98, 128)).astype(np.float32)
    places = [Place(0.2, 0.4, 900.0, 2000.0, 3.2, 11.6, 0, 24), Place(0.9, 1.0, 100.0, 7900.0, 1.4, -6.4, 1, 24)]
    said = verdict(windows=3)
    return Explanation(
        said, Window(4.0, 2.0, wave), Sound("new.wav", wave, image), Sound("normal_1.wav", 0.5 * wave, image),
        image, image, places, Separated(0.7 * wave, 0.3 * wave), "",
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(explanation):
    return recording_page(explanation, "pump")


@pytest.fixture
def undrawn(monkeypatch):
    """Pages without pictures, which take a second to draw."""
    monkeypatch.setattr("stridor.explanation.page.draw_explanation", lambda explanation: b"picture")
    monkeypatch.setattr("stridor.explanation.page.draw_time_line", lambda windows: b"picture")


@pytest.mark.slow
def test_everything_is_inside(page):
    addresses = re.findall(r"""(?:src|href)=["']([^"']*)""", page)
    assert len(addresses) == 2 + 2 * 4
    assert all(one.startswith("data:") for one in addresses)
    assert "http" not in page
    assert "url(" not in page
    pictures = [base64.b64decode(one.partition(",")[2]) for one in addresses if one.startswith("data:image/png")]
    assert all(one.startswith(b"\x89PNG") for one in pictures)


def test_the_sounds_are_those_of_the_explanation(explanation, page):
    sounds = re.findall(r'<audio[^>]*src="data:audio/wav;base64,([^"]*)"', page)
    expected = [explanation.sound.wave, explanation.nearest.wave, explanation.separated.machine,
                explanation.separated.remainder]  # fmt: skip
    for sound, wave in zip(sounds, expected, strict=True):
        samples, rate_hz = sf.read(io.BytesIO(base64.b64decode(sound)))
        assert rate_hz == 16000
        assert samples == pytest.approx(wave, abs=1e-4)


def test_the_places_are_in_seconds_of_the_recording_and_hertz(page):
    assert "4.20 to 4.40 s, 900 to 2,000 Hz" in page
    assert "12 dB louder than normal" in page
    assert "6 dB less than normal" in page
    assert "none of 24 normal clips have one as strong" in page
    assert "1 of 24 normal clips has one as strong" in page
    # Those of the sound, which is the window.
    assert 'data-start="0.2" data-end="0.4"' in page
    assert "ANOMALOUS" in page


def test_what_is_not_there_is_said(explanation, undrawn):
    page = recording_page(replace(explanation, nearest=None, separated=None, not_separated="It was not found."), "pump")
    assert "Machine and remainder: It was not found." in page
    assert page.count("<audio") == 1
    assert "This was fine" not in page
    assert 'data-address="/fine"' in recording_page(explanation, "pump", "/fine")


def test_names_do_not_break_a_page(explanation, undrawn):
    said = replace(explanation.verdict, recording=NASTY, nearest=NASTY)
    page = recording_page(replace(explanation, verdict=said), NASTY)
    assert "<script>alert" not in page
    assert "<script>alert" not in folder_page([Row(said, "a.html")], [Failure(NASTY, NASTY)], NASTY)


@pytest.mark.slow
def test_equal_explanations_give_equal_pages(explanation, page):
    without = replace(explanation, nearest=None)
    assert recording_page(explanation, "pump") == page
    assert draw_explanation(without) != draw_explanation(explanation)


def test_the_oddest_recording_comes_first():
    rows = [
        Row(verdict("fine.wav", 0.5, 0.8), "1.html"), Row(verdict("odd.wav", 0.01), None),
        Row(verdict("odder.wav", 0.001, 3.0, 400), "3.html"), Row(verdict("so.wav", 0.2, 0.9), "4.html"),
    ]  # fmt: skip
    page = folder_page(rows, [Failure("x.wav", "x.wav is not readable audio.")], "pump")
    names = [page.index(name) for name in ("odder.wav", "odd.wav", "so.wav", "fine.wav", "x.wav is not readable")]
    assert names == sorted(names)
    assert page.count("<rect") <= 3 + 120
    assert 'href="3.html"' in page
    assert page.count("<a href") == 3


def test_recordings_of_one_name_have_pages_of_their_own(explanation, undrawn, tmp_path):
    folder = PageFolder(tmp_path / "out", "pump")
    pages = [folder.add(replace(explanation, verdict=replace(explanation.verdict, recording=name)))
             for name in ("a/new 1.wav", "b/new 1.wav", "c/index", "c/NEW_1.WAV", "\udce9.wav")]  # fmt: skip
    names = [page.name for page in pages]
    assert names == ["new_1.wav.html", "new_1.wav-2.html", "index-2.html", "NEW_1.WAV-3.html", "_.wav.html"]
    assert folder.add(explanation, with_page=False) is None
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    index = folder.finish([]).read_text(encoding="utf-8")
    assert index.count("<a href") == 5
