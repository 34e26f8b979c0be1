"""Importing a folder: what is refused, what is placed, and that nothing changes when it fails."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from kit import kit
from recordings import NAMES, PARAMS, content, write_machine
from stridor.audio.files import read_clip, write_clip
from stridor.common.errors import StridorError
from stridor.ingest.recordings import folder as folder_module
from stridor.ingest.recordings import import_folder
from stridor.params import read_params

TRAIN, TEST = NAMES["train"], NAMES["test"]


@pytest.fixture
def source(tmp_path):
    return write_machine(tmp_path / "in" / "fan").parent


def refuse(source, project, said, **options):
    """Import, expect a refusal in one sentence, and that nothing at all has changed."""
    before = content(project)
    with pytest.raises(StridorError) as refused:
        import_folder(source, project, **options)
    sentence = str(refused.value)
    assert said in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert content(project) == before
    assert not list(project.glob(".*unfinished*"))


@pytest.mark.parametrize("fresh", [False, True])
def test_the_project_may_be_the_working_folder_on_every_python(project, source, monkeypatch, fresh):
    made = tempfile.mkdtemp
    # As Python does from 3.12 on, for relative folders too.
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **where: os.path.abspath(made(**where)))
    monkeypatch.chdir(project)
    import_folder(source, Path(), fresh=fresh)
    assert (project / "data" / "fan" / "train" / TRAIN[0]).is_file()
    assert not list(project.glob(".*unfinished*"))


def test_machine_is_added_beside_the_others(project, source):
    before = content(project)
    report = import_folder(source, project)
    after = content(project)
    for split, names in NAMES.items():
        for name in names:
            placed = after.pop(f"data/fan/{split}/{name}")
            assert placed == (source / "fan" / split / name).read_bytes()
    assert after.pop("params.yaml").decode() == PARAMS.replace(
        "      - pump\n", "      - pump\n  fan:\n    machines: [fan]\n"
    )
    assert after.pop("data.dvc") == b"outs: new\n"
    assert after == {name: data for name, data in before.items() if name not in ("params.yaml", "data.dvc")}
    assert read_params(project / "params.yaml").detectors["fan"].machines == ("fan",)
    assert report.detectors_added == ("fan",)
    assert report.detectors_removed == ()
    machine = report.machines[0]
    assert {(c.split, c.domain, c.label, c.kind): c.clips for c in machine.counts} == {
        ("train", "source", "normal", None): 2,
        ("train", "target", "normal", None): 1,
        ("test", "source", "normal", None): 1,
        ("test", "target", "anomaly", None): 1,
        ("supplemental", None, None, "noise"): 1,
    }
    assert machine.supplement == "noise"
    assert machine.sample_rates_hz == (16000,)
    assert machine.notes == ()
    text = report.text()
    assert "2 source normal, 1 target normal" in text
    assert "added the detectors fan" in text


def test_single_machine_folder_and_clips_as_they_are(project, source, monkeypatch):
    shutil.rmtree(source / "fan" / "test")
    shutil.rmtree(source / "fan" / "supplemental")
    stereo = np.random.default_rng(0).uniform(-0.5, 0.5, (9000, 2))
    odd = source / "fan" / "train" / TRAIN[0]
    sf.write(odd, stereo, 44100, subtype="PCM_24")
    monkeypatch.chdir(source / "fan")
    machine = import_folder(os.curdir, project).machines[0]
    assert (project / "data" / "fan" / "train" / TRAIN[0]).read_bytes() == odd.read_bytes()
    assert machine.machine == "fan"
    assert machine.sample_rates_hz == (16000, 44100)
    assert machine.channels == (1, 2)
    assert machine.supplement == "none"
    assert machine.shortest_seconds == 2801 / 16000
    assert machine.longest_seconds == 9000 / 44100
    said = " ".join(machine.notes)
    assert "no test clips" in said
    assert "no supplemental clips" in said
    assert "resampled" in said


def test_fresh_leaves_only_what_was_imported(project, source):
    write_machine(source / "12")
    report = import_folder(source, project, fresh=True)
    assert sorted(path.name for path in (project / "data").iterdir()) == ["12", "fan"]
    assert report.detectors_removed == ("valve", "pump")
    assert (project / "params.yaml").read_text() == (
        "# The seed of everything.\nseed: 3\n\ndetectors:\n  # One entry per detector.\n"
        '  "12":\n    machines: ["12"]\n  fan:\n    machines: [fan]\n'
        "\n# Noise is mixed in.\naugment:\n  variants: 9  # literal\n"
    )
    assert list(read_params(project / "params.yaml").detectors) == ["12", "fan"]


def test_fresh_needs_no_data_on_disk(project, source):
    shutil.rmtree(project / "data")
    refuse(source, project, "run 'make data' first", replace=True)
    import_folder(source, project, fresh=True)
    assert [path.name for path in (project / "data").iterdir()] == ["fan"]


def test_a_machine_that_params_name_must_be_on_disk(project, source):
    shutil.rmtree(project / "data" / "pump")
    refuse(source, project, "pump is not on disk although params.yaml names it")


def test_existing_machine_is_replaced_only_on_request(project, tmp_path):
    write_machine(tmp_path / "new" / "pump", samples=3000)
    write_machine(tmp_path / "new" / "fan")
    refuse(tmp_path / "new", project, "pump is there already; import with --replace")
    report = import_folder(tmp_path / "new", project, replace=True)
    assert len(read_clip(project / "data" / "pump" / "train" / TRAIN[0])) == 3000
    assert len(read_clip(project / "data" / "valve" / "train" / TRAIN[0])) == 2801
    assert report.detectors_added == ("fan",)


def test_link_shares_the_bytes(project, source):
    import_folder(source, project, link=True)
    for split, names in NAMES.items():
        for name in names:
            assert (source / "fan" / split / name).samefile(project / "data" / "fan" / split / name)


def test_link_to_another_disk_is_refused(project, source, monkeypatch):
    def across(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", across)
    refuse(source, project, "import without linking", link=True)


BAD_NAMES = [
    ("train", "recording.wav", "does not parse"),
    ("train", "section_00_source_train_anomaly_0009_noAttribute.wav", "normal clips only"),
    ("train", "section_00_source_test_normal_0009_noAttribute.wav", "its name says test"),
    ("supplemental", "section_00_0009.wav", "'noise' or 'machine'"),
]


@pytest.mark.parametrize(("split", "name", "said"), BAD_NAMES)
def test_bad_name_is_refused(project, source, split, name, said):
    write_clip(source / "fan" / split / name, np.full(3000, 0.1))
    refuse(source, project, said)
    refuse(source, project, name, fresh=True)


def test_all_problems_are_counted(project, source):
    for name in ("a.wav", "b.wav", "c.wav", "d.wav", "e.wav"):
        write_clip(source / "fan" / "train" / name, np.full(3000, 0.1))
    (source / "fan" / "test" / TEST[0]).write_bytes(b"")
    write_machine(source / "grinder", names={"train": TRAIN[:1]})
    refuse(source, project, "The name a.wav does not parse")
    refuse(source, project, "; 5 more of the machine's clips have problems too (b.wav, c.wav, d.wav, ...)")
    refuse(source, project, "; machines with problems as well: grinder.")


@pytest.mark.parametrize(
    ("split", "name", "samples", "said"),
    [
        ("train", TRAIN[1], np.full(2799, 0.1), "lasts 0.1749 s; the encoder needs at least 0.175 s"),
        ("test", TEST[1], np.full(1, 0.1), "lasts 0.0001 s"),
        ("train", TRAIN[1], np.zeros(3000), "is silent"),
        ("supplemental", NAMES["supplemental"][0], np.zeros(3000), "is silent"),
        ("test", TEST[0], np.zeros(0), "contains no samples"),
        ("test", TEST[0], np.full(3000, np.nan), "NaN or infinite"),
    ],
)
def test_unusable_clip_is_refused(project, source, split, name, samples, said):
    sf.write(source / "fan" / split / name, samples, 16000, subtype="FLOAT")
    refuse(source, project, said)
    refuse(source, project, name)


def test_shortest_clip_counts_after_resampling(project, source):
    path = source / "fan" / "test" / TEST[0]
    sf.write(path, np.full(1399, 0.1), 8000)
    refuse(source, project, TEST[0])
    sf.write(path, np.full(1400, 0.1), 8000)
    import_folder(source, project)


def test_channel_of_the_project_must_be_there(project, source):
    (project / "params.yaml").write_text(PARAMS + "audio:\n  channel: 1\n")
    refuse(source, project, "has no channel 1")


@pytest.mark.parametrize("names", [TRAIN[:1], ()])
def test_a_threshold_needs_two_training_clips(project, tmp_path, names):
    write_machine(tmp_path / "in" / "fan", names={**NAMES, "train": names})
    refuse(tmp_path / "in", project, f"holds {len(names)} clips; a threshold needs at least two")


@pytest.mark.parametrize("learnt", [f"train/{TRAIN[2]}", f"supplemental/{NAMES['supplemental'][0]}"])
def test_a_clip_that_is_learnt_is_no_test(project, source, learnt):
    shutil.copy(source / "fan" / learnt, source / "fan" / "test" / TEST[0])
    refuse(source, project, f"{TEST[0]} holds the same sound as {learnt}")


def test_twins_and_silence_are_noted(project, source):
    shutil.copy(source / "fan" / "train" / TRAIN[0], source / "fan" / "train" / TRAIN[1])
    write_clip(source / "fan" / "test" / TEST[0], np.zeros(4000))
    notes = import_folder(source, project).machines[0].notes
    assert any("same sound" in note and TRAIN[1] in note for note in notes)
    assert any("silent" in note and TEST[0] in note for note in notes)


def test_truncated_clip_is_noted(project, source):
    path = source / "fan" / "test" / TEST[0]
    write_clip(path, np.full(9000, 0.1))
    path.write_bytes(path.read_bytes()[:-1000])
    notes = import_folder(source, project).machines[0].notes
    assert any(TEST[0] in note and "shorter than its header says" in note for note in notes)


def test_hidden_and_single_labels_are_noted(project, tmp_path):
    write_machine(tmp_path / "a" / "fan", names={**NAMES, "test": ("section_00_0000.wav",)})
    write_machine(tmp_path / "a" / "toy", names={**NAMES, "test": TEST[:1], "train": TRAIN[:2]})
    fan, toy = import_folder(tmp_path / "a", project).machines
    assert any("hide domain and label" in note for note in fan.notes)
    assert any("all normal" in note for note in toy.notes)
    assert any("no clips of the target domain" in note for note in toy.notes)


def test_both_kinds_and_clean_supplements(project, tmp_path):
    both = ("section_00_noise_supplemental_normal_0000.wav", "section_00_machine_0001_.wav")
    write_machine(tmp_path / "a" / "fan", names={**NAMES, "supplemental": both})
    write_machine(tmp_path / "a" / "toy", names={**NAMES, "supplemental": both[1:]})
    reports = import_folder(tmp_path / "a", project).machines
    assert [report.supplement for report in reports] == ["both", "clean"]


def test_what_is_left_out_is_noted(project, source):
    (source / "fan" / "train" / "deeper").mkdir()
    (source / "fan" / "train" / "notes.txt").write_text("x")
    (source / "photos").mkdir()
    report = import_folder(source, project)
    assert any("not audio by their names (1): train/notes.txt first" in note for note in report.machines[0].notes)
    assert any(note.startswith("photos/ is left out") for note in report.notes)
    assert "photos/" in report.text()


@pytest.mark.parametrize("machine", ["my fan", "fän", "fan.1", "-fan", "a;b"])
def test_machine_name_must_be_plain(project, tmp_path, machine):
    write_machine(tmp_path / "in" / machine)
    refuse(tmp_path / "in", project, f"has the machine name '{machine}'")


def test_links_stay_inside_the_folder(project, source, tmp_path):
    secret = tmp_path / "secret.wav"
    write_clip(secret, np.full(3000, 0.2))
    link = source / "fan" / "test" / "section_00_source_test_normal_0007_noAttribute.wav"
    link.symlink_to(secret)
    refuse(source, project, "is a link that leads out of the imported folder")
    link.unlink()
    link.symlink_to(tmp_path / "nowhere.wav")
    refuse(source, project, "is a link that leads out of the imported folder")
    link.unlink()
    (source / "spare.wav").write_bytes(secret.read_bytes())
    link.symlink_to("../../spare.wav")
    import_folder(source, project)
    placed = project / "data" / "fan" / "test" / link.name
    assert not placed.is_symlink()
    assert placed.read_bytes() == secret.read_bytes()


@pytest.mark.parametrize("linked", ["fan", "fan/test", "fan/attributes_00.csv"])
def test_linked_folders_and_tables_stay_inside_too(project, source, tmp_path, linked):
    outside = tmp_path / "outside"
    if linked.endswith(".csv"):
        outside.write_text("file_name\n")
    else:
        (source / linked).rename(outside)
    (source / linked).symlink_to(outside)
    refuse(source, project, "is a link that leads out")


def test_places_that_are_no_source_are_refused(project, source, tmp_path):
    refuse(tmp_path / "nowhere", project, "is not a folder")
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", project, "holds no machine")
    refuse(project / "data", project, "lies in the project's data/ already")
    refuse(project / "data" / "valve", project, "lies in the project's data/ already", fresh=True)


def test_places_that_are_no_project_are_refused(project, source):
    (project / ".dvc").rmdir()
    refuse(source, project, "is not a DVC project")
    (project / "params.yaml").write_text("seed: x\n")
    refuse(source, project, "params.yaml")
    (project / "params.yaml").unlink()
    refuse(source, project, "params.yaml is missing")


@pytest.mark.parametrize("options", [{}, {"replace": True}, {"fresh": True}])
@pytest.mark.parametrize("failure", [StridorError("dvc is locked."), KeyboardInterrupt()])
def test_failing_tracking_puts_everything_back(project, source, monkeypatch, options, failure):
    write_machine(source / "pump", samples=3000) if options else None

    def fail(data):
        (data.parent / "data.dvc").write_text("half")
        raise failure

    monkeypatch.setattr(folder_module, "track", fail)
    before = content(project)
    with pytest.raises(type(failure)):
        import_folder(source, project, **options)
    assert content(project) == before
    assert not list(project.glob(".*unfinished*"))


@pytest.mark.parametrize("options", [{"replace": True}, {"fresh": True}])
def test_full_disk_in_the_middle_of_copying_changes_nothing(project, source, monkeypatch, options):
    write_machine(source / "pump", samples=3000)
    copied = []

    def copy(path, target):
        copied.append(path)
        if len(copied) == 8:
            raise OSError(28, "No space left on device")
        target.write_bytes(path.read_bytes())

    monkeypatch.setattr(shutil, "copyfile", copy)
    before = content(project)
    with pytest.raises(OSError, match="No space left"):
        import_folder(source, project, **options)
    assert content(project) == before
    assert not list(project.glob(".*unfinished*"))


def test_remains_of_a_killed_import_are_swept(project, source):
    (project / ".data.unfinished-x" / "new").mkdir(parents=True)
    import_folder(source, project)
    assert not list(project.glob(".*unfinished*"))


@pytest.fixture
def dvc_project(tmp_path, forked_python, monkeypatch):
    """A project under git and DVC as they really are, though forked, without data."""
    forked_python.replace(monkeypatch)
    root = tmp_path / "real project"
    root.mkdir()
    (root / "params.yaml").write_text(PARAMS)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=root, check=True)
    return root


@pytest.mark.slow
def test_dvc_tracks_and_its_refusal_is_one_sentence(dvc_project, source):
    import_folder(source, dvc_project, fresh=True)
    first = (dvc_project / "data.dvc").read_text()
    assert "nfiles: 6" in first
    (dvc_project / "data.dvc").write_text("no: [valid")
    refuse(source, dvc_project, "'dvc add data' failed (", replace=True)


@pytest.mark.slow
def test_real_machines(dvc_project):
    real = kit("real")
    report = import_folder(real, dvc_project, fresh=True)
    bldc, fan = report.machines
    counts = {(c.split, c.domain, c.label): c.clips for c in bldc.counts}
    assert counts[("train", "source", "normal")] == 9
    assert counts[("train", "target", "normal")] == 2
    assert counts[("test", "source", "anomaly")] == 14
    assert counts[("supplemental", None, None)] == 3
    assert (bldc.supplement, fan.supplement) == ("clean", "noise")
    assert (fan.shortest_seconds, fan.longest_seconds) == (10, 10)
    assert fan.notes == ()
    (clipped,) = bldc.notes
    assert clipped.startswith("clipped recordings (1): section_00_source_test_anomaly_0005_mot_M1_spd_1850.wav first")
    placed = content(dvc_project / "data" / "fan")
    assert placed == {name: data for name, data in content(real / "fan").items() if name != "SOURCES.csv"}
    assert list(read_params(dvc_project / "params.yaml").detectors) == ["bldc", "fan"]
    status = [sys.executable, "-m", "dvc", "status", "-q"]
    assert subprocess.run(status, cwd=dvc_project).returncode == 0
