"""The report on a plain folder: odd recordings by name, the same page for the same recordings."""

import numpy as np
import soundfile as sf

from recordings import write_recording
from stridor.data.needs import missing_for_measures
from stridor.ingest.recordings.machines import find_machines
from stridor.ingest.recordings.plain import Cutting, machine_report, page, plan_machine


def plan(folder, **how):
    (machine,) = find_machines(folder).machines
    return plan_machine(machine, Cutting(**{"clip_seconds": 2, **how}), "mean")


def measurable(planned):
    """Whether the official measures exist: normal test clips of both domains, and anomalies."""
    return not missing_for_measures(machine_report(planned).clip_kinds)


def odd(plain):
    """Add one of every oddity to a plain machine."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 20000)
    sf.write(plain / "normal" / "loud.wav", np.clip(noise * 3, -1, 1), 4000)
    sf.write(plain / "normal" / "faint.wav", noise * 1e-3, 4000)
    sf.write(plain / "normal" / "blip.wav", noise[:2000], 4000)
    write_recording(plain / "anomaly" / "phone.wav", 5, rate_hz=8000, channels=2)
    (plain / "normal" / "notes.txt").write_text("x")


def test_every_oddity_is_found_and_nothing_else(plain):
    assert plan(plain).oddities == ()
    odd(plain)
    found = {oddity.what: [entry.partition(":")[0] for entry in oddity.entries] for oddity in plan(plain).oddities}
    assert found == {
        "clipped recordings": ["normal/loud.wav"],
        "recordings that are almost silent": ["normal/faint.wav"],
        "recordings much shorter than the others of their folder": ["normal/blip.wav"],
        "recordings of anomalies at a sampling rate that no normal one has: the recorder may tell them apart": [
            "anomaly/phone.wav"
        ],
    }


def test_short_ones_among_long_ones_are_no_oddity(tmp_path):
    for index in range(3):
        write_recording(tmp_path / "fan" / "normal" / f"{index}.wav", 30)
    write_recording(tmp_path / "fan" / "normal" / "short.wav", 3)
    assert plan(tmp_path / "fan").oddities == ()
    assert plan(tmp_path / "fan", clip_seconds=10).oddities != ()


def test_record_to_print(plain):
    odd(plain)
    report = machine_report(plan(plain))
    assert {(c.split, c.domain, c.label, c.kind): c.clips for c in report.counts}[
        ("supplemental", None, None, "noise")
    ] == 3
    assert {c.split: c.domain for c in report.counts if c.label == "anomaly"} == {"test": "target"}
    assert [c.split for c in report.counts] == sorted(
        (c.split for c in report.counts), key="train test supplemental".index
    )
    assert report.supplement == "both"
    assert report.sample_rates_hz == (4000, 8000)
    assert report.channels == (1, 2)
    assert (report.shortest_seconds, report.longest_seconds) == (0.5, 2)
    assert report.notes[0] == "13 recordings (58.5 s) were cut into clips of 2 s"
    said = report.text()
    assert "note: clipped recordings (1): normal/loud.wav" in said
    assert "resampled to 16000 Hz" in said


def test_page_to_keep(plain):
    odd(plain)
    first = page(plan(plain))
    assert first == page(plan(plain))
    assert first.startswith("# Import of fan\n\n13 recordings (58.5 s) were cut into clips of 2 s.\n")
    assert "| noise | 1 | 5.0 s | 0 | 0 | 3 |" in first
    assert "### Clipped recordings (1)\n\n- normal/loud.wav: " in first
    assert "normal/notes.txt" in first
    assert str(plain) not in first


def test_a_machine_without_supplements_says_so(tmp_path):
    write_recording(tmp_path / "fan" / "normal" / "a.wav", 9000, rate_hz=20 * 100)
    planned = plan(tmp_path / "fan", clip_seconds=100)
    assert "(2.5 h)" in page(planned)
    assert any("Gaussian noise" in note for note in machine_report(planned).notes)
    assert not measurable(planned)


def test_measurable_needs_normals_of_both_domains_and_anomalies(plain):
    assert not measurable(plan(plain))
    write_recording(plain / "normal" / "target" / "e.wav", 3)
    assert measurable(plan(plain))
    assert not measurable(plan(plain, test_share=0))
