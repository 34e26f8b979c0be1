"""Layouts that people have: recognised, or refused by a sentence that names the folder and what to do."""

import pytest

from kit import kit
from recordings import content, write_machine, write_recording
from stridor.cli.main import main
from stridor.common.errors import StridorError
from stridor.ingest.recordings import Cutting, FolderNames, import_folder
from stridor.ingest.recordings.machines import find_machines

SHORT = Cutting(clip_seconds=1)


def write(folder, *names):
    for name in names:
        write_recording(folder / name, 1)


def said(folder, **names):
    """Return what is said of every recording of a plain machine: role and domain by its origin."""
    (machine,) = find_machines(folder, FolderNames(**names)).machines
    return {one.origin: (one.role, one.domain) for one in machine.recordings}


def refuse(folder, project, *parts, **options):
    before = content(project)
    with pytest.raises(StridorError) as refused:
        import_folder(folder, project, **options)
    assert all(part in str(refused.value) for part in parts), refused.value
    assert "\n" not in str(refused.value)
    assert content(project) == before


@pytest.mark.parametrize("normal", ["normal", "Normal", "OK", "good", "Healthy", "NORMAL sound", "pass"])
@pytest.mark.parametrize("anomaly", ["Anomaly", "anomalous", "abnormal", "NG", "faulty", "not_ok", "FAIL"])
def test_words_that_mean_normal_and_anomaly(tmp_path, normal, anomaly):
    write(tmp_path / "fan", f"{normal}/a.wav", f"{normal}/Target/b.wav", f"{anomaly}/x.wav", "Noise/n.wav")
    assert said(tmp_path / "fan") == {
        f"{normal}/a.wav": ("normal", "source"),
        f"{normal}/Target/b.wav": ("normal", "target"),
        f"{anomaly}/x.wav": ("anomaly", "source"),
        "Noise/n.wav": ("noise", None),
    }


@pytest.mark.parametrize("target", ["target/normal/b.wav", "normal/day/TARGET/b.wav", "Target Domain/ok/deep/b.wav"])
def test_the_domain_is_found_around_and_below_the_recordings(tmp_path, target):
    write(tmp_path / "fan", "source/normal/a.wav", "source/anomaly/x.wav", target)
    assert said(tmp_path / "fan")[target] == ("normal", "target")


def test_names_of_ones_own(tmp_path):
    write(tmp_path / "car", "NormalSound_IND/a.wav", "AnomalousSound_IND/x.wav", "EnvironmentalNoise_CNT/n.wav")
    write(tmp_path / "car", "NormalSound_IND/winter/b.wav")
    names = {"normal": ("NormalSound_IND",), "anomaly": ("AnomalousSound_IND",), "target": ("winter",)}
    assert said(tmp_path / "car", **names, noise=("environmentalnoise_cnt",)) == {
        "NormalSound_IND/a.wav": ("normal", "source"),
        "NormalSound_IND/winter/b.wav": ("normal", "target"),
        "AnomalousSound_IND/x.wav": ("anomaly", "source"),
        "EnvironmentalNoise_CNT/n.wav": ("noise", None),
    }


def test_a_name_of_ones_own_counts_before_the_usual_word(tmp_path):
    write(tmp_path / "fan", "good/a.wav", "ok/x.wav")
    assert said(tmp_path / "fan", anomaly=("OK",))["ok/x.wav"] == ("anomaly", "source")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"normal": ("a/b",)}, "--normal is 'a/b'; expected the name of a folder"),
        ({"noise": ("",)}, "--noise is ''"),
        ({"normal": ("OK",), "anomaly": ("ok",)}, "'ok' is given as --normal and as --anomaly"),
    ],
)
def test_names_that_cannot_be_meant(names, message):
    with pytest.raises(StridorError, match=message):
        FolderNames(**names)


def test_loose_files_and_unknown_folders_of_a_machine_are_refused(tmp_path, project):
    write(tmp_path / "in" / "fan", "normal/a.wav", "normal/b.wav", "loose.wav", "other.wav")
    refuse(tmp_path / "in", project, "fan/loose.wav lies with 1 more audio files in the machine's folder itself")
    for name in ("loose.wav", "other.wav"):
        (tmp_path / "in" / "fan" / name).unlink()
    write(tmp_path / "in" / "fan", "gut/c.wav", "gut/d.wav")
    refuse(tmp_path / "in", project, "fan/gut holds 2 audio files (c.wav first)", "--normal 'gut'", "--leave-out 'gut'")
    report = import_folder(tmp_path / "in", project, names=FolderNames(leave_out=("g?t",)))
    assert [(one.origin, one.reason) for one in report.files.left_out] == [
        ("fan/gut/c.wav", "excluded by --leave-out"), ("fan/gut/d.wav", "excluded by --leave-out"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["normal/abnormal/x.wav", "anomaly/ok/x.wav", "source/normal/target/x.wav"])
def test_contradictions_are_refused(tmp_path, project, name):
    write(tmp_path / "in" / "fan", "normal/a.wav", "normal/b.wav", name)
    refuse(tmp_path / "in", project, f"{name} lies in folders of")


@pytest.mark.parametrize("name", ["train/deep/x.wav", "normal.wav", "train/section_00_x.m4a", "train/normal/x.wav"])
def test_audio_that_is_no_clip_is_refused_in_the_dcase_layout(tmp_path, project, name):
    write_machine(tmp_path / "in" / "fan")
    path = tmp_path / "in" / "fan" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    refuse(tmp_path / "in", project, f"fan/{name}", "--leave-out")
    import_folder(tmp_path / "in", project, names=FolderNames(leave_out=("deep", "normal*", "*.m4a")))


def test_a_folder_without_machines_says_what_it_holds(tmp_path, project):
    write(tmp_path / "in" / "fan", "gut/a.wav", "schlecht/x.wav")
    refuse(
        tmp_path / "in",
        project,
        "it holds 2 audio files of which no folder says what they are, fan/gut/a.wav first",
        "--normal and",
    )
    names = FolderNames(normal=("gut",), anomaly=("schlecht",))
    write(tmp_path / "in" / "fan", "gut/b.wav")
    (machine,) = import_folder(tmp_path / "in", project, names=names).machines
    assert {(count.split, count.label): count.clips for count in machine.counts} == {
        ("train", "normal"): 2, ("test", "anomaly"): 1,
    }  # fmt: skip


def test_machines_lie_at_any_depth_and_are_called_by_their_path(tmp_path, project):
    write(tmp_path / "in", *(f"6dB/{kind}/id_0{number}/{role}/{clip}.wav" for kind in ("fan", "pump")
          for number in (0, 2) for role in ("normal", "abnormal") for clip in "ab"))  # fmt: skip
    machines = [machine.machine for machine in find_machines(tmp_path / "in").machines]
    assert machines == ["6dB_fan_id_00", "6dB_fan_id_02", "6dB_pump_id_00", "6dB_pump_id_02"]
    assert [machine.machine for machine in find_machines(tmp_path / "in" / "6dB" / "fan").machines] == [
        "id_00",
        "id_02",
    ]


def test_links_that_lead_round_are_walked_once(tmp_path):
    write(tmp_path / "in", "a/fan/normal/a.wav", "b/pump/normal/a.wav")
    (tmp_path / "in" / "a" / "loop").symlink_to(tmp_path / "in" / "b")
    (tmp_path / "in" / "b" / "loop").symlink_to(tmp_path / "in" / "a")
    (tmp_path / "in" / "self").symlink_to(tmp_path / "in")
    assert {"a_fan", "b_pump"} <= {machine.machine for machine in find_machines(tmp_path / "in").machines}


def test_clips_of_dcase_2020(tmp_path, project):
    write_machine(tmp_path / "fan", names={
        "train": ("normal_id_00_00000000.wav", "normal_id_02_00000000.wav"),
        "test": ("normal_id_00_00000001.wav", "anomaly_id_00_00000000.wav", "id_01_00000000.wav"),
    })  # fmt: skip
    import_folder(tmp_path / "fan", project)
    assert sorted(path.relative_to(project / "data" / "fan").as_posix() for path in
                  (project / "data" / "fan").rglob("*.wav")) == [
        "test/section_00_source_test_anomaly_00000000_noAttribute.wav",
        "test/section_00_source_test_normal_00000001_noAttribute.wav",
        "test/section_01_00000000.wav",
        "train/section_00_source_train_normal_00000000_noAttribute.wav",
        "train/section_02_source_train_normal_00000000_noAttribute.wav",
    ]  # fmt: skip


def test_the_hidden_test_clips_of_dcase_2021_keep_their_domain(tmp_path, project):
    write_machine(tmp_path / "fan", names={
        "train": ("section_03_source_train_normal_0000_w_1.wav", "section_03_target_train_normal_0000_w_1.wav"),
        "source_test": ("section_03_source_test_0000.wav", "section_03_0001.wav"),
        "Target_Test": ("section_03_target_test_0000.wav",),
    })  # fmt: skip
    (machine,) = import_folder(tmp_path / "fan", project).machines
    assert {(count.domain, count.label): count.clips for count in machine.counts if count.split == "test"} == {
        ("source", None): 2, ("target", None): 1,
    }  # fmt: skip


def test_a_clip_in_the_folder_of_the_other_domain_is_refused(tmp_path, project):
    names = {"train": ("section_00_source_train_normal_0000.wav", "section_00_source_train_normal_0001.wav"),
             "source_test": ("section_00_target_test_normal_0000.wav",)}  # fmt: skip
    write_machine(tmp_path / "fan", names=names)
    refuse(tmp_path / "fan", project, "folder of the source domain, but its name says target")


def test_two_clips_of_one_name_are_refused(tmp_path, project):
    names = {"train": ("section_00_source_train_normal_0000.wav", "section_00_source_train_normal_0001.wav"),
             "test": ("section_00_source_test_normal_0000.wav",),
             "source_test": ("section_00_source_test_normal_0000.wav",)}  # fmt: skip
    write_machine(tmp_path / "fan", names=names)
    refuse(tmp_path / "fan", project, "would both be test/section_00_source_test_normal_0000.wav")


def counted(report):
    return {(c.split, c.domain, c.label): c.clips for c in report.machines[0].counts}


def test_the_layout_of_mimii(project):
    report = import_folder(kit("field/mimii"), project, fresh=True)
    assert report.machines[0].machine == "id_00"
    assert counted(report)[("test", "source", "anomaly")] == 2
    assert (report.files.found, report.files.cut, report.files.left_out) == (6, 6, ())


def test_the_layout_of_dcase_2021(project):
    report = import_folder(kit("field/dcase2021"), project, fresh=True)
    assert counted(report) == {
        ("train", "source", "normal"): 4,
        ("test", "source", "normal"): 2, ("test", "source", "anomaly"): 2,
        ("test", "target", "normal"): 2, ("test", "target", "anomaly"): 2,
    }  # fmt: skip
    assert (report.files.found, report.files.taken, report.files.left_out) == (12, 12, ())


def test_names_are_given_on_the_command_line(tmp_path, project, monkeypatch, capsys):
    write(tmp_path / "fan", "gut/a.wav", "gut/b.wav", "schlecht/x.wav", "test tone.wav")
    monkeypatch.chdir(project)
    line = [
        "data",
        "import",
        str(tmp_path / "fan"),
        "--normal",
        "gut",
        "--anomaly",
        "schlecht",
        "--leave-out",
        "test *",
    ]
    main(line, standalone_mode=False)
    printed = capsys.readouterr().out
    assert "4 audio files were found: 0 taken as they are, 3 cut into clips, 1 left out." in printed
    assert "excluded by --leave-out (1): test tone.wav" in printed
