"""What hostile, broken and odd archives may not do, and what sound ones give."""

import io
import stat
import zipfile

import pytest

from kit import kit
from stridor.common.errors import StridorError
from stridor.ingest.dcase import archive as archive_module
from stridor.ingest.dcase.archive import read_members, unpack
from zenodo import archive, clip

NAME = "section_00_source_train_normal_0000_ac_0.11.wav"


@pytest.fixture
def place(tmp_path):
    """Where an archive lies, in a folder of its own."""
    (tmp_path / "in").mkdir()
    return tmp_path / "in" / "dev_fan.zip"


def with_entry(name, content=b"x", **settings):
    """Return a sound archive with one entry that is odd."""
    packed = io.BytesIO(archive({f"fan/train/{NAME}": clip("a")}))
    with zipfile.ZipFile(packed, "a") as opened:
        entry = zipfile.ZipInfo("fan/train/x.wav")
        # Behind the back of zipfile, which would make the name harmless.
        entry.filename = name
        for setting, value in settings.items():
            setattr(entry, setting, value)
        opened.writestr(entry, content)
    return packed.getvalue()


def refuse(place, content, said):
    """Expect that an archive is refused in one sentence, and that nothing is written."""
    place.write_bytes(content)
    before = sorted(place.parent.parent.rglob("*"))
    with pytest.raises(StridorError, match=said) as refused:
        read_members(place, "fan")
    assert "\n" not in str(refused.value)
    assert str(place) in str(refused.value)
    assert sorted(place.parent.parent.rglob("*")) == before


def test_members_and_their_bytes(place, tmp_path):
    files = {f"fan/train/{NAME}": clip("a"), "fan/test/section_00_0000.wav": clip("b"), "fan/attributes_00.csv": b"c"}
    place.write_bytes(archive(files))
    members = read_members(place, "fan")
    assert [member.path for member in members] == ["attributes_00.csv", "test/section_00_0000.wav", f"train/{NAME}"]
    assert [member.is_table for member in members] == [True, False, False]
    assert [member.bytes for member in members] == [1, 5646, 5646]
    named = {"test/section_00_source_test_normal_0000_x.wav": members[1], "attributes_00.csv": members[0]}
    (tmp_path / "fan").mkdir()
    assert len(list(unpack(named, tmp_path / "fan"))) == 2
    for there, member in named.items():
        assert (tmp_path / "fan" / there).read_bytes() == files[f"fan/{member.path}"]


@pytest.mark.parametrize("above", ["fan/", "", "dev_fan/", "dev_fan/fan/", "data/dcase2025t2/dev_data/raw/fan/"])
def test_folders_above_differ_from_year_to_year(place, above):
    place.write_bytes(archive({f"{above}train/{NAME}": clip("a"), f"{above}attributes_00.csv": b""}))
    assert [member.path for member in read_members(place, "fan")] == ["attributes_00.csv", f"train/{NAME}"]


def test_real_names_and_tables(place):
    for machine in sorted(path for path in kit("real_dcase2023").iterdir() if path.is_dir()):
        files = {path.relative_to(machine).as_posix(): path for path in machine.rglob("*") if path.is_file()}
        place.write_bytes(archive({f"{machine.name}/{name}": path.read_bytes() for name, path in files.items()}))
        members = read_members(place, machine.name)
        assert [member.path for member in members] == sorted(files, key=str.casefold)
        assert sum(member.is_table for member in members) == 1


def test_what_is_neither_clip_nor_table_is_left_out(place):
    names = ["LICENSE.pdf", "fan/", "fan/train/", "fan/train/notes.txt", "fan/train/deeper/x.wav", "fan/x.wav"]
    names += ["__MACOSX/fan/train/._x.wav", "fan/train/.DS_Store", ".hidden/train/x.wav"]
    place.write_bytes(archive(dict.fromkeys(names, b"")))
    assert read_members(place, "fan") == ()


def test_an_empty_archive(place):
    place.write_bytes(archive({}))
    assert read_members(place, "fan") == ()


@pytest.mark.parametrize(
    "name",
    [
        "../x.wav", "fan/train/../../../x.wav", "/etc/x.wav", "//host/x.wav", "fan//train/x.wav", "./x.wav", "..",
        "fan\\train\\x.wav", "C:/x.wav", "C:x.wav", "..\\x.wav", "fan/train/x.wav\0.txt", "fan/../attributes_00.csv",
        "../attributes_00.csv", "../train/", "fan/train/a\nb.wav", "fan/train/\x1b[2J.wav",
    ],
)  # fmt: skip
def test_names_that_lead_out_are_refused(place, name):
    refuse(place, with_entry(name), "leads out of its folder or is not a name for a file; delete the archive")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
@pytest.mark.parametrize("name", ["fan/train/x.wav", "fan/train", "LICENSE"])
def test_links_are_refused(place, kind, name):
    refuse(place, with_entry(name, b"/etc/passwd", external_attr=(kind | 0o777) << 16), "is a link or not a file")


def test_another_machine_is_refused(place):
    refuse(place, archive({f"valve/train/{NAME}": clip("a")}), "not of the machine fan")
    refuse(place, archive({"valve/attributes_00.csv": b""}), "not of the machine fan")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", [f"fan/train/{NAME}", f"train/{NAME}", f"fan/train/{NAME.upper()}"])
def test_a_place_that_is_taken_twice_is_refused(place, name):
    refuse(place, with_entry(name), "twice; do not trust it")


def test_a_bomb_by_ratio_is_refused(place):
    refuse(place, archive({"fan/train/x.wav": bytes(50_000_000)}), "would unpack from .* which no clips need")


def test_a_bomb_by_one_large_file_is_refused(place, monkeypatch):
    monkeypatch.setattr(archive_module, "LARGEST_CLIP_BYTES", 5000)
    refuse(place, archive({f"fan/train/{NAME}": clip("a")}), "the largest of 0.0 MB, which no clips need")


def test_a_bomb_by_all_files_together_is_refused(place, monkeypatch):
    monkeypatch.setattr(archive_module, "LARGEST_ARCHIVE_BYTES", 11000)
    refuse(place, archive({f"fan/train/{n}.wav": clip(n) for n in "ab"}), "to 2 files of 0.0 MB")


def test_a_bomb_by_number_is_refused(place, monkeypatch):
    monkeypatch.setattr(archive_module, "MOST_ENTRIES", 2)
    refuse(place, archive({f"fan/{n}.txt": b"x" for n in "abc"}), "to 3 files")


def test_a_size_that_lies_is_not_exceeded(place):
    """The directory says 100 bytes, the entry unpacks to a thousand times as many."""
    name, content = "fan/train/x.wav", bytes(100_000)
    packed = bytearray(archive({name: content}))
    size = len(content).to_bytes(4, "little")
    for start in (packed.find(size), packed.rfind(size)):
        packed[start : start + 4] = (100).to_bytes(4, "little")
    place.write_bytes(packed)
    members = {member.path: member for member in read_members(place, "fan")}
    assert members["train/x.wav"].bytes == 100
    out = place.parent / "out"
    out.mkdir()
    with pytest.raises(StridorError, match="not a valid zip archive"):
        list(unpack(members, out))
    assert (out / "train" / "x.wav").stat().st_size <= 100


def test_an_encrypted_entry_is_refused(place):
    packed = bytearray(archive({f"fan/train/{NAME}": clip("a")}))
    for start, offset in ((packed.find(b"PK\3\4"), 6), (packed.find(b"PK\1\2"), 8)):
        packed[start + offset] |= 1
    refuse(place, bytes(packed), "encrypted")


def test_an_unknown_method_is_refused(place):
    packed = bytearray(archive({f"fan/train/{NAME}": clip("a")}))
    packed[packed.find(b"PK\1\2") + 10] = 9
    refuse(place, bytes(packed), "packed in an unusual way")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_takes_any_memory_is_refused(place, method):
    refuse(place, archive({f"fan/train/{NAME}": clip("a")}, method), "packed in an unusual way")


SOUND = archive({f"fan/train/{NAME}": clip("a")})


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", SOUND[:-30], SOUND[:1000], SOUND[500:], b"PK\5\6" + bytes(18 - 1)],
    ids=["empty", "html", "no end", "half", "no start", "short end"],
)
def test_a_broken_archive_is_refused(place, content):
    refuse(place, content, "not a valid zip archive .*; delete it and run the command again")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_bytes_are_noticed(place, tmp_path, method):
    packed = bytearray(archive({f"fan/train/{NAME}": clip("a")}, method))
    packed[1500] ^= 255
    place.write_bytes(packed)
    (tmp_path / "out").mkdir()
    with pytest.raises(StridorError, match="not a valid zip archive"):
        list(unpack({member.path: member for member in read_members(place, "fan")}, tmp_path / "out"))


def test_a_missing_archive_is_no_traceback(place):
    with pytest.raises(FileNotFoundError):
        read_members(place, "fan")


def test_a_name_that_says_it_is_utf_8_and_is_not_is_refused(place):
    content = with_entry("fan/train/äx.wav")
    refuse(place, content.replace("äx".encode(), b"\xff\xfex"), "is not a valid zip archive")


def test_sizes_and_offsets_beyond_every_file_are_refused(place, tmp_path):
    content = with_entry("fan/train/y.wav", extra=b"\x01\x00\x18\x00" + b"\xff" * 24)
    start = content.rfind(b"PK\x01\x02")

    def take() -> None:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        list(unpack({member.path: member for member in read_members(place, "fan")}, folder))

    for at, length in ((start + 20, 8), (start + 42, 4), (start + 20, 26)):
        broken = bytearray(content)
        broken[at : at + length] = b"\xff" * length
        place.write_bytes(broken)
        with pytest.raises(StridorError, match="delete"):
            take()


@pytest.mark.parametrize("name", [f"fan/train/{'x' * 300}.wav", f"{'é' * 150}/train/x.wav"])
def test_names_too_long_for_a_file_system_are_refused(place, name):
    refuse(place, with_entry(name), "is not a name for a file")


def test_what_zipfile_quotes_of_a_broken_header_is_shortened(place, tmp_path):
    packed = bytearray(archive({f"fan/train/{NAME}": clip("a")}, zipfile.ZIP_STORED))
    start = packed.find(b"PK\3\4")
    packed[start + 26 : start + 28] = b"\xff\x15"
    place.write_bytes(packed)
    (tmp_path / "out").mkdir()
    with pytest.raises(StridorError, match="is not a valid zip archive") as refused:
        list(unpack({member.path: member for member in read_members(place, "fan")}, tmp_path / "out"))
    assert len(str(refused.value)) < 600
