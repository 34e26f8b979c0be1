"""The demo data on disk: layout, bytes, and that every machine's clips are its own affair."""

import csv
import hashlib
import re
from dataclasses import replace
from itertools import count, product

import numpy as np
import pytest
import soundfile

from full_disk import files_of_at_most
from stridor.common.errors import StridorError
from stridor.common.seeds import rng_for
from stridor.ingest.demo import MACHINES, generate, synthesise, writing
from stridor.ingest.demo.catalogue import CATALOGUE
from stridor.ingest.demo.plan import plan
from stridor.ingest.demo.writing import render

pytestmark = pytest.mark.slow

NAME = re.compile(
    r"section_00_(?P<domain>source|target)_(?P<split>train|test)_(?P<label>normal|anomaly)_(?P<number>\d{4})"
    r"_(?P<attributes>.+)\.wav"
)
SUPPLEMENTAL = {
    "noise": re.compile(r"section_00_noise_supplemental_normal_\d{4}\.wav"),
    "clean": re.compile(r"section_00_source_supplemental_machine_\d{4}\.wav"),
}
each_machine = pytest.mark.parametrize("machine", CATALOGUE, ids=lambda machine: machine.name)


def md5s(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two machines written by this process alone; of their clips every tenth, to save time."""
    folder = tmp_path_factory.mktemp("pair") / "data"
    write_clip, number = writing._write_clip, count()

    def write_some(*arguments):
        if next(number) % 10 == 0:
            write_clip(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "_write_clip", write_some)
        generate(folder, workers=1, machines=("valve", "bearing"))
    return folder


def test_machines_are_the_folders(whole_demo):
    assert sorted(path.name for path in whole_demo.iterdir()) == sorted(MACHINES)


@each_machine
def test_layout_and_counts(whole_demo, machine):
    folder = whole_demo / machine.name
    assert sorted(path.name for path in folder.iterdir()) == [
        "attributes_00.csv", "supplemental", "test", "train",
    ]  # fmt: skip
    names = {split: sorted(path.name for path in (folder / split).iterdir()) for split in ("train", "test")}
    groups = {}
    for split, files in names.items():
        for name in files:
            match = NAME.fullmatch(name)
            assert match, name
            assert match["split"] == split
            assert (match["attributes"] == "noAttribute") == machine.attributes_hidden
            groups.setdefault((split, match["domain"], match["label"]), []).append(int(match["number"]))
    counts = dict.fromkeys(product(["test"], ["source", "target"], ["normal", "anomaly"]), 15)
    counts |= {("train", "source", "normal"): 50, ("train", "target", "normal"): 5}
    assert {group: len(numbers) for group, numbers in groups.items()} == counts
    assert all(numbers == list(range(len(numbers))) for numbers in groups.values())
    supplemental = sorted(path.name for path in (folder / "supplemental").iterdir())
    assert len(supplemental) == 15
    assert all(SUPPLEMENTAL[machine.supplement].fullmatch(name) for name in supplemental)


@each_machine
def test_attributes_are_those_of_the_names(whole_demo, machine):
    with (whole_demo / machine.name / "attributes_00.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    pairs = 1 if machine.attributes_hidden else len(machine.domains["source"].attributes)
    assert header == ["file_name", *(f"d{n + 1}{part}" for n in range(pairs) for part in "pv")]
    listed = {row[0]: row[1:] for row in rows}
    files = {p.relative_to(whole_demo).as_posix() for p in (whole_demo / machine.name).glob("t*/*.wav")}
    assert set(listed) == files
    for path, cells in listed.items():
        shown = NAME.fullmatch(path.rpartition("/")[2])["attributes"]
        assert cells == (["", ""] if machine.attributes_hidden else shown.split("_"))


@each_machine
def test_every_clip_is_16_khz_mono_pcm_16_of_the_machine_s_length(whole_demo, machine):
    for path in (whole_demo / machine.name).rglob("*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype, info.format) == (16_000, 1, "PCM_16", "WAV")
        assert info.frames == round(machine.clip_seconds * 16_000)


def test_all_of_it_is_small(whole_demo):
    assert sum(path.stat().st_size for path in whole_demo.rglob("*") if path.is_file()) <= 120e6


def test_bytes_depend_neither_on_workers_nor_on_the_other_machines(whole_demo, pair):
    of_whole = {path: md5 for path, md5 in md5s(whole_demo).items() if path.startswith(("valve/", "bearing/"))}
    of_pair = md5s(pair)
    assert of_pair == {path: of_whole[path] for path in of_pair}
    assert len(of_pair) == 2 * (13 + 1)  # with attributes_00.csv
    assert len(set(of_whole.values())) == 2 * 131


def test_another_seed_gives_other_clips(pair):
    machine = CATALOGUE[-1]
    clip = plan(machine, 2025)[0]
    written, _ = soundfile.read(pair / machine.name / clip.split / clip.file_name, dtype="int16")
    assert np.array_equal(render(machine, clip, 2025), written)
    assert not np.array_equal(render(machine, clip, 2026), written)


@each_machine
def test_a_supplement_holds_the_one_and_nothing_of_the_other(machine):
    """Heard by correlation with each alone; in a training clip neither is all there is."""
    clips = plan(machine, 2025)
    supplemental = next(clip for clip in clips if clip.split == "supplemental")
    for clip, expected in ((supplemental, machine.supplement), (clips[0], "both")):
        alone = {"clean": alone_machine(machine, clip), "noise": alone_noise(machine, clip)}
        heard = render(machine, clip, 2025)
        likeness = {name: np.corrcoef(heard, wave)[0, 1] for name, wave in alone.items()}
        for name, value in likeness.items():
            if expected == "both":
                assert 0.2 < value < 0.97, likeness
            else:
                assert (value > 0.9999) if name == expected else (abs(value) < 0.1), likeness


def alone_machine(machine, clip):
    rng = rng_for(2025, machine.name, clip.file_name, "machine")
    settings = machine.settings(dict(clip.condition.attributes))
    wave = synthesise(settings, rng, machine.clip_seconds)
    return machine.domains[clip.condition.domain].microphone.record(wave)


def alone_noise(machine, clip):
    rng = rng_for(2025, machine.name, clip.file_name, "noise")
    domain = machine.domains[clip.condition.domain]
    return domain.microphone.record(domain.surroundings.noise(rng, machine.clip_seconds))


def test_hiding_the_attributes_changes_names_only():
    fan = next(machine for machine in CATALOGUE if machine.name == "fan")
    shown = plan(replace(fan, attributes_hidden=False), 2025)
    assert [clip.condition for clip in shown] == [clip.condition for clip in plan(fan, 2025)]
    assert all("_m-n_" in clip.file_name for clip in shown if clip.split != "supplemental")


def test_progress_counts_every_clip(tmp_path, monkeypatch):
    monkeypatch.setattr("stridor.ingest.demo.writing._write_clip", lambda folder, seed, job: None)
    seen = []
    generate(tmp_path, workers=1, machines=("fan",), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n + 1, 130) for n in range(130)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"machines": ("fan", "lathe")}, ("lathe", "gearbox")),
        ({"workers": 0}, ("workers is 0",)),
    ],
)
def test_wrong_requests_are_refused_before_anything_is_written(tmp_path, options, words):
    with pytest.raises(StridorError) as error:
        generate(tmp_path / "data", **options)
    assert all(word in str(error.value) for word in words)
    assert not (tmp_path / "data").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.wav").write_bytes(b"")
    with pytest.raises(StridorError, match="already holds something"):
        generate(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.wav"]


def test_a_full_disk_is_told_in_a_sentence(tmp_path):
    with files_of_at_most(2**14), pytest.raises(StridorError, match=r"\.wav could not be written whole; free some"):
        generate(tmp_path / "data", machines=MACHINES[:1], workers=1)
