"""The app over HTTP and in a real browser: a recording is sent, judged, explained and kept."""

import hashlib
import json
import urllib.error
import urllib.request
from urllib.parse import urlencode

import numpy as np
import pytest
import soundfile as sf

from chromium import EXECUTABLE, chromium
from mlflow_project import wave
from stridor.application import listener as listener_module
from stridor.cli.main import main
from stridor.explanation.page import wav_bytes
from stridor.serving.detector import Detector
from tiny_model import roaring

FINE = wav_bytes(wave(3, 7113, 300))


def ask(running, path, data=None, headers=None, **query):
    address = f"{running.address}{path}" + (f"?{urlencode(query)}" if query else "")
    request = urllib.request.Request(address, data, headers or {}, method="GET" if data is None else "POST")
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_recording_is_judged_as_by_the_command_and_explained(running, tmp_path):
    status, said = ask(running, "/explain", FINE, detector=running.detector, name="fine <1>.wav")
    said = json.loads(said)
    assert status == 200
    (tmp_path / "fine.wav").write_bytes(FINE)
    assert said["score"] == pytest.approx(Detector.load(running.detector).score(tmp_path / "fine.wav").score, abs=1e-5)
    assert said["text"].startswith("fine <1>.wav: normal, ")
    status, page = ask(running, said["page"])
    assert status == 200
    assert "fine &lt;1&gt;.wav" in page
    assert page.count("<audio") == 2


def test_the_page_offers_detectors_and_their_machines(running):
    status, page = ask(running, "/")
    assert status == 200
    assert f"<option>{running.detector}</option>" in page
    status, said = ask(running, "/machines", detector=running.detector)
    assert (status, json.loads(said)) == (200, {"machines": ["pump"]})
    status, said = ask(running, "/machines", detector=running.listener.detectors[1])
    assert status == 400
    assert "is not the folder of a model" in json.loads(said)["error"]


def test_a_recording_that_was_fine_is_kept_with_its_name_and_digest(running):
    _, said = ask(running, "/explain", FINE, detector=running.detector, name="../../so fine.wav")
    status, kept = ask(running, json.loads(said)["page"] + "/fine", b"")
    digest = hashlib.md5(FINE).hexdigest()
    assert status == 200
    assert f"so_fine_{digest}.wav" in kept
    assert (running.confirmed / "pump" / f"so_fine_{digest}.wav").read_bytes() == FINE
    assert [path.name for path in running.confirmed.iterdir()] == ["pump"]


@pytest.mark.slow
def test_only_the_latest_are_remembered(running, monkeypatch):
    monkeypatch.setattr(listener_module, "REMEMBERED", 1)
    pages = [json.loads(ask(running, "/explain", FINE, detector=running.detector)[1])["page"] for _ in range(2)]
    assert ask(running, pages[1])[0] == 200
    assert ask(running, pages[0])[0] == 400
    assert "send this one again" in ask(running, pages[0] + "/fine", b"")[1]


def test_what_cannot_be_answered_is_one_sentence(running, monkeypatch):
    def complaint(data, **query):
        status, said = ask(running, "/explain", data, **query)
        assert status == 400
        return json.loads(said)["error"]

    known = {"detector": running.detector}
    assert "not readable audio" in complaint(b"RIFF", name="x.wav", **known)
    assert "is silent" in complaint(wav_bytes(np.zeros(16000)), **known)
    assert "needs at least 2800" in complaint(wav_bytes(wave(0, 1600)), **known)
    assert "names the machine 'saw'" in complaint(FINE, machine="saw", **known)
    assert "There is no detector '/etc'" in complaint(FINE, detector="/etc")
    assert "is not the folder of a model" in complaint(FINE, detector=running.listener.detectors[1])
    monkeypatch.setattr("stridor.application.listener.LONGEST_SECONDS", 0.1)
    assert "at most 0.1 s are taken" in complaint(FINE, **known)
    monkeypatch.setattr("stridor.application.server.LARGEST_BYTES", 1000)
    assert "x.wav has more than 64 MiB" in complaint(FINE, name="x.wav", **known)


def test_pages_of_other_sites_are_refused(running):
    foreign = {"Origin": "http://example.org"}
    assert ask(running, "/explain", FINE, foreign, detector=running.detector)[0] == 403
    assert ask(running, "/", headers={"Host": "example.org"})[0] == 400
    own = {"Origin": running.address}
    assert ask(running, "/explain", FINE, own, detector=running.detector)[0] == 200


def test_a_port_that_is_taken_is_one_sentence(running, tmp_path, monkeypatch):
    from click.testing import CliRunner

    monkeypatch.chdir(tmp_path)
    port = running.address.rpartition(":")[2]
    done = CliRunner().invoke(main, ["app", "--detector", running.detector, "--port", port])
    assert done.exit_code == 2
    assert f"Nothing can listen on 127.0.0.1:{port} (Address already in use)" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(EXECUTABLE is None, reason="Chromium is not installed")
def test_in_a_browser(running, tmp_path):
    sf.write(tmp_path / "roar.wav", roaring(), 16000)
    with chromium(tmp_path / "profile") as page:
        page.open(running.address)
        assert page.evaluate("document.getElementById('detector').options.length") == 2
        page.choose_file("#file", tmp_path / "roar.wav")
        said = page.wait_for("/ANOMALOUS|error/.test(answer.textContent + answer.className) && answer.textContent")
        assert said.startswith("roar.wav: ANOMALOUS, ")
        inside = "document.getElementById('page').contentDocument"
        page.wait_for(f"{inside} !== null && {inside}.getElementById('verdict') !== null")
        assert page.evaluate(f"{inside}.getElementById('verdict').textContent") == "ANOMALOUS"
        # The pictures are drawn and the sounds can be played.
        page.wait_for(f"[...{inside}.images].every((image) => image.naturalWidth > 500)")
        page.wait_for(f"[...{inside}.querySelectorAll('audio')].every((one) => one.duration > 0.3)")
        # Without scroll bars of its own.
        height = f"{inside}.documentElement.scrollHeight"
        page.wait_for(f"{height} > 900 && document.getElementById('page').clientHeight >= {height}")
        page.evaluate(f"{inside}.getElementById('fine').click()")
        page.wait_for(f"{inside}.getElementById('kept').textContent.startsWith('Kept as')")
        assert any(path.name.startswith("roar_") for path in (running.confirmed / "pump").iterdir())
        page.evaluate("document.getElementById('record').click()")
        page.wait_for("parseFloat(document.getElementById('recorded').textContent) > 1")
        page.evaluate("document.getElementById('record').click()")
        said = page.wait_for("answer.textContent.startsWith('recorded.wav: ') && answer.textContent")
        # Chromium's false microphone beeps.
        assert "ANOMALOUS" in said
