"""What the archives of a machine hold together."""

import pytest

from stridor.common.errors import StridorError
from stridor.ingest.dcase.archive import unpack
from stridor.ingest.dcase.contents import gather
from stridor.ingest.dcase.downloading import Download
from stridor.ingest.dcase.record import RecordFile
from stridor.ingest.dcase.years import wanted_archives
from zenodo import archive, clip, clips_to_test, clips_to_train

TRUTH = {f"section_00_{n:04}.wav": f"section_00_{d}_test_{la}_{n:04}_x.wav" for n, (d, la) in enumerate(
    [("source", "normal"), ("source", "anomaly"), ("target", "normal"), ("target", "anomaly")]
)}  # fmt: skip


@pytest.fixture
def look(small_year, tmp_path):
    """Look into archives of the small year that hold the given files."""

    def look_into(*archives, sets=("dev",), machine="fan", year=small_year, truths=None):
        downloads = []
        for one, files in zip(wanted_archives(year, sets, (machine,)), archives, strict=True):
            place = tmp_path / f"{one.stem}.zip"
            place.write_bytes(archive(files))
            downloads.append(Download(one, RecordFile(one.record, place.name, 1, ""), place, True))
        return gather(downloads, truths or {})[0]

    return look_into


def evaluation(look, train=None, test=None, **options):
    train, test = train or clips_to_train("pump"), test or clips_to_test("pump", hidden=True)
    return look(train, test, sets=("eval",), machine="pump", **options)


def placed(contents, folder):
    folder.mkdir()
    list(unpack(contents.files, folder))
    return folder


def test_a_machine_of_one_archive(look):
    contents = look(clips_to_train("fan") | clips_to_test("fan"))
    assert contents.machine == "fan"
    assert len(contents.files) == 10
    assert contents.bytes == 9 * 5646 + 18


def test_training_and_test_clips_come_together(look, tmp_path):
    contents = evaluation(look, test=clips_to_test("pump", hidden=True) | {"pump/attributes_00.csv": b"other"})
    folder = placed(contents, tmp_path / "pump")
    assert (folder / "attributes_00.csv").read_bytes() == b"file_name,d1p,d1v\n"
    assert sorted(path.name for path in (folder / "test").iterdir()) == sorted(TRUTH)


def test_ground_truth_names_the_clips(look, tmp_path):
    contents = evaluation(look, truths={"pump": TRUTH})
    folder = placed(contents, tmp_path / "pump")
    assert sorted(path.name for path in (folder / "test").iterdir()) == sorted(TRUTH.values())
    assert (folder / "test" / TRUTH["section_00_0002.wav"]).read_bytes() == clip("pump2")


def test_ground_truth_of_another_year_is_refused(look):
    with pytest.raises(StridorError, match=r"no entry for section_00_0003.wav of .*_test.zip; give that of the same"):
        evaluation(look, truths={"pump": {name: full for name, full in TRUTH.items() if "3" not in name}})
    swapped = TRUTH | {"section_00_0000.wav": "section_00_target_test_normal_0009_x.wav"}
    with pytest.raises(StridorError, match="holds 0 test source normal clips, and 1 are published"):
        evaluation(look, truths={"pump": swapped})


@pytest.mark.parametrize(
    ("without", "extra", "said"),
    [
        ("train_normal_0002", (), "holds 2 train source normal clips, and 3 are published"),
        ("target_train", (), "holds 0 train target normal clips, and 1 are published"),
        ("noise", (), "holds 0 supplemental clips, and 1 are published"),
        ("none", ["test/section_00_source_test_normal_0009_x.wav"], "holds 5 test clips, and 4 are published"),
        ("target_test_anomaly", ["test/section_00_source_test_anomaly_0009_x.wav"], "2 test source anomaly clips"),
        ("none", ["train/recording.wav"], r"dev_fan.zip: The name recording.wav does not parse"),
        ("none", ["train/section_00_source_train_anomaly_0009_x.wav"], "is an anomaly in train/"),
    ],
)
def test_counts_and_names_are_those_published(look, without, extra, said):
    files = clips_to_train("fan") | clips_to_test("fan")
    files = {name: content for name, content in files.items() if without not in name}
    with pytest.raises(StridorError, match=said):
        look(files | {f"fan/{name}": b"x" for name in extra})


def test_the_real_table_of_2025(look):
    names = [f"train/section_00_source_train_normal_{n:04}_vel_1.5.wav" for n in range(990)]
    names += [f"train/section_00_target_train_normal_{n:04}_vel_2.wav" for n in range(10)]
    names += [f"supplemental/section_00_machine_{n:04}_.wav" for n in range(100)]
    names += [
        f"test/section_00_{d}_test_{la}_{n:04}_noAttribute.wav"
        for n in range(50) for d in ("source", "target") for la in ("normal", "anomaly")
    ]  # fmt: skip
    files = dict.fromkeys([f"fan/{name}" for name in names], b"x")
    assert len(look(files, year=2025).files) == 1300
    files.pop("fan/supplemental/section_00_machine_0042_.wav")
    with pytest.raises(StridorError, match="holds 99 supplemental clips, and 100 are published"):
        look(files, year=2025)


def test_two_archives_that_disagree_are_refused(look):
    train = clips_to_train("pump") | {"pump/test/section_00_0001.wav": clip("another")}
    with pytest.raises(StridorError, match=r"both hold test/section_00_0001\.wav, but not the same clip"):
        evaluation(look, train=train)


def test_a_folder_that_holds_it_all(look, tmp_path):
    contents = evaluation(look)
    folder = placed(contents, tmp_path / "pump")
    assert contents.is_in(folder)
    assert contents.covers(folder)
    assert not contents.is_in(tmp_path / "nowhere")
    (folder / ".DS_Store").touch()
    assert contents.is_in(folder)
    (folder / "train" / "notes.txt").touch()
    assert not contents.is_in(folder)
    assert not contents.covers(folder)


@pytest.mark.parametrize("change", [b"", b"RIFF", clip("another")])
def test_a_changed_clip_is_not_covered(look, tmp_path, change):
    contents = evaluation(look)
    folder = placed(contents, tmp_path / "pump")
    (folder / "test" / "section_00_0001.wav").write_bytes(change)
    assert not contents.is_in(folder)
    assert not contents.covers(folder)


def test_a_part_is_covered_and_may_get_its_names(look, tmp_path):
    hidden, named = evaluation(look), evaluation(look, truths={"pump": TRUTH})
    folder = placed(hidden, tmp_path / "pump")
    assert not named.is_in(folder)
    assert named.covers(folder)
    for path in (folder / "supplemental").iterdir():
        path.unlink()
    assert named.covers(folder)
    assert not hidden.is_in(folder)
    assert not hidden.covers(placed(named, tmp_path / "named"))
