"""Which recordings machines are mixed with."""

from pathlib import Path

import numpy as np
import pytest

from stridor.audio.files import write_clip
from stridor.common.errors import StridorError
from stridor.common.seeds import rng_for
from stridor.data import interferers
from stridor.data.interferers import Interferers, Recording, list_recordings, read_recordings, write_recordings

NOISE = {"pump": ("pump_noise.wav",), "press": ()}


@pytest.fixture(autouse=True)
def clips(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, machine in enumerate(("press", "pump", "saw")):
        for i in range(2):
            clip(f"data/{machine}/train/section_00_source_train_normal_{i:04d}.wav", (number + 1) / 10)
        clip(f"data/{machine}/test/section_00_source_test_anomaly_0000.wav", 0.9)
    clip("halls/east/hall.flac.wav", 0.7)
    clip("pump_noise.wav", 0.8)
    Path("halls/notes.txt").write_text("none")
    (Path("data") / "attributes.csv").write_text("")


def clip(path, level):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_clip(Path(path), np.full(1000, level))


def test_normal_clips_of_all_machines_and_all_recordings_of_a_folder_are_listed():
    listed = list_recordings(("noise", "white", "machines", "halls"), ("pump",), Path("data"), 0)
    assert [(one.source, one.machine) for one in listed] == [
        *[("machines", machine) for machine in ("press", "press", "pump", "pump", "saw", "saw")],
        ("halls", ""),
    ]
    assert not any("test" in Path(one.path).parts for one in listed)
    write_recordings(listed, Path())
    assert read_recordings(Path()) == listed
    assert list_recordings(("noise", "white"), ("pump",), Path("data"), 0) == read_recordings(Path("data")) == []


def test_of_a_large_folder_some_are_drawn_by_the_seed(monkeypatch):
    for i in range(6):
        clip(f"halls/{i}.wav", 0.5)
    monkeypatch.setattr(interferers, "MOST_RECORDINGS", 3)
    first, same, other = (list_recordings(("halls",), ("pump",), Path("data"), seed) for seed in (0, 0, 1))
    assert len(first) == 3
    assert first == same != other


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        (("nowhere",), "names nowhere, which is not a folder; give noise, white, machines or the path"),
        (("empty",), "names empty, which holds no recordings"),
        (("machines",), "asks for other machines, but lonely holds none but 'pump'"),
    ],
)
def test_what_is_not_there_is_said(sources, sentence):
    Path("empty").mkdir()
    clip("lonely/pump/train/section_00_source_train_normal_0000.wav", 0.1)
    with pytest.raises(StridorError, match=sentence):
        list_recordings(sources, ("pump",), Path("lonely"), 0)


def test_a_broken_table_and_a_missing_source_are_said():
    Path("interferers.csv").write_text("source,path\n")
    with pytest.raises(StridorError, match=r"interferers\.csv is not a table of recordings"):
        read_recordings(Path())
    with pytest.raises(StridorError, match=r"No recordings are listed for 'halls' of augment\.interferers"):
        Interferers(("halls",), NOISE).draw("pump", 100, rng_for(0, "x"))


def drawn(sources, machine, count=60):
    """Return the levels that were drawn; white noise has none of its own."""
    listed = list_recordings(sources, tuple(NOISE), Path("data"), 0)
    found = Interferers(sources, NOISE, listed)
    waves = [found.draw(machine, 3000, rng_for(i, "draw")) for i in range(count)]
    assert {(wave.shape, wave.dtype) for wave in waves} == {((3000,), np.dtype(np.float32))}
    return [round(float(np.median(wave)), 1) if wave.std() < 1e-3 else "white" for wave in waves]


def test_a_machine_is_mixed_with_every_source_and_never_with_itself():
    levels = drawn(("noise", "white", "machines", "halls"), "pump", 200)
    assert set(levels) == {0.8, "white", 0.1, 0.3, 0.7}
    assert levels.count(0.7) > 25
    # A machine without noise of its own gets white noise in its place.
    assert set(drawn(("noise", "halls"), "press")) == {"white", 0.7}
    assert set(drawn(("noise",), "pump")) == {0.8}


def test_silent_stretches_are_left_out_and_silent_recordings_refused():
    wave = np.zeros(40_000)
    wave[:400] = 0.5
    write_clip(Path("gaps.wav"), wave)
    gaps = Interferers(("x",), NOISE, [Recording("x", "", "gaps.wav", "")])
    assert all(gaps.draw("pump", 10_000, rng_for(i, "gaps")).any() for i in range(10))
    write_clip(Path("still.wav"), np.zeros(3_000))
    still = Interferers(("x",), NOISE, [Recording("x", "", "still.wav", "")])
    with pytest.raises(StridorError, match=r"still\.wav .* silent"):
        still.draw("pump", 1_000, rng_for(0, "still"))
