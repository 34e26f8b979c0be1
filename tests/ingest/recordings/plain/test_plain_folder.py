"""Listing a plain folder: roles, domains, what is left out and what is refused."""

import pytest

from recordings import write_recording
from stridor.common.errors import StridorError
from stridor.ingest.recordings.files import HIDDEN
from stridor.ingest.recordings.machines import find_machines


def listed(folder):
    (machine,) = find_machines(folder).machines
    return machine


def test_role_domain_and_origin(plain):
    machine = listed(plain.parent)
    assert machine.machine == "fan"
    assert [(one.origin, one.role, one.domain) for one in machine.recordings] == [
        ("anomaly/target/y.wav", "anomaly", "target"),
        ("anomaly/x.wav", "anomaly", "source"),
        ("clean/alone.wav", "clean", None),
        ("noise/hall.wav", "noise", None),
        ("normal/a.wav", "normal", "source"),
        ("normal/b.wav", "normal", "source"),
        ("normal/deep/er/a.flac", "normal", "source"),
        ("normal/source/c.wav", "normal", "source"),
        ("normal/target/day one/d.wav", "normal", "target"),
    ]
    assert machine.notes == ()
    assert all((plain / one.origin).samefile(one.path) for one in machine.recordings)


def test_a_file_called_target_is_no_domain(tmp_path):
    write_recording(tmp_path / "fan" / "normal" / "target.wav", 1)
    (tmp_path / "fan" / "normal" / "target.wav").rename(tmp_path / "fan" / "normal" / "source.WAV")
    assert [one.domain for one in listed(tmp_path / "fan").recordings] == ["source"]


def test_both_layouts_side_by_side_but_not_in_one_folder(plain):
    (plain.parent / "pump" / "train").mkdir(parents=True)
    (plain.parent / "photos").mkdir()
    found = find_machines(plain.parent)
    assert [machine.machine for machine in found.machines] == ["fan", "pump"]
    assert [note.partition(";")[0] for note in found.notes] == [
        "photos/ is left out, it holds neither normal/ nor train/, test/ or supplemental/"
    ]
    (plain / "test").mkdir()
    with pytest.raises(StridorError, match="fan holds folders of both layouts"):
        find_machines(plain.parent)


def test_what_is_no_recording_is_left_out_and_told(plain):
    (plain / "normal" / "notes.txt").write_text("x")
    (plain / "normal" / ".hidden.wav").write_bytes(b"x")
    (plain / "normal" / ".trash").mkdir()
    (plain / "normal" / ".trash" / "old.wav").write_bytes(b"x")
    machine = listed(plain)
    assert len(machine.recordings) == 9
    assert [(one.origin, one.reason) for one in machine.left_out] == [
        ("normal/.hidden.wav", HIDDEN), ("normal/.trash/old.wav", HIDDEN),
    ]  # fmt: skip
    assert machine.notes == ("left out, not audio by their names (1): normal/notes.txt first",)


def test_recordings_in_a_format_nobody_reads_are_not_overlooked(plain):
    (plain / "normal" / "phone.M4A").write_bytes(b"ftyp")
    assert "normal/phone.M4A" in [one.origin for one in listed(plain).recordings]


@pytest.mark.parametrize("empty", [True, False])
def test_normal_recordings_there_must_be(plain, empty):
    for path in sorted((plain / "normal").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if not empty:
        (plain / "normal").rmdir()
    with pytest.raises(StridorError, match="normal holds no recordings; a detector learns from"):
        listed(plain)


def test_links_stay_inside_and_folders_are_not_followed(plain, tmp_path):
    outside = tmp_path / "outside.wav"
    write_recording(outside, 1)
    link = plain / "normal" / "e.wav"
    link.symlink_to(outside)
    with pytest.raises(StridorError, match="is a link that leads out"):
        listed(plain)
    link.unlink()
    link.symlink_to("a.wav")
    # Followed, this one would never end.
    (plain / "normal" / "loop").symlink_to(plain / "normal", target_is_directory=True)
    machine = listed(plain)
    assert "normal/e.wav" in [one.origin for one in machine.recordings]
    assert "normal/loop first" in machine.notes[0]
