"""Attribute tables against the names of the clips."""

import pytest

from kit import kit
from recordings import NAMES, write_machine
from stridor.ingest.recordings.attributes import attribute_notes
from stridor.ingest.recordings.machines import find_machines

STEMS = [name.removesuffix(".wav") for split in ("train", "test") for name in NAMES[split]]
ROWS = list(zip(STEMS, ["spd,1", "spd,2", ",", ",", ","], strict=True))


def notes(tmp_path, lines, encoding="utf-8"):
    folder = write_machine(tmp_path / "fan")
    (folder / "attributes_00.csv").write_text("\n".join(lines) + "\n", encoding=encoding)
    return list(attribute_notes(find_machines(folder).machines[0]))


LAYOUTS = {
    "path": ["file_name,d1p,d1v", *(f"fan/{s.split('_')[3]}/{s}.wav,{v}" for s, v in ROWS)],
    "backslashes": ["file_name,d1p,d1v", *(f"fan\\train\\{s}.wav,{v}" for s, v in ROWS)],
    "stem": ["file_name,d1p,d1v", *(f"{s},{v}" for s, v in ROWS)],
    "no columns": ["file_name", *STEMS],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_published_layouts_agree(tmp_path, layout, encoding):
    assert notes(tmp_path, LAYOUTS[layout], encoding) == []


def test_bare_stem_may_end_in_a_number_with_a_dot(tmp_path):
    names = {"train": ("section_00_source_train_normal_0000_volt_1.5.wav", *NAMES["train"][1:])}
    folder = write_machine(tmp_path / "fan", names=names)
    lines = ["file_name,d1p,d1v", "section_00_source_train_normal_0000_volt_1.5,volt,1.5"]
    lines += [f"{name.removesuffix('.wav')},," for name in names["train"][1:]]
    (folder / "attributes_00.csv").write_text("\n".join(lines))
    assert list(attribute_notes(find_machines(folder).machines[0])) == []


def test_differences_are_noted(tmp_path):
    lines = LAYOUTS["stem"][:]
    lines[1] = lines[1].replace("spd,1", "spd,3")
    lines[5] = "section_00_source_test_normal_0099,,"
    said = notes(tmp_path, lines)
    assert said == [
        "attributes_00.csv names 1 clips that are not there, section_00_source_test_normal_0099 first",
        f"attributes_00.csv does not list 1 clips, {STEMS[4]} first",
        f"attributes_00.csv disagrees with the names of 1 clips, {STEMS[0]} first",
    ]


@pytest.mark.parametrize(
    "content", [b"", b"name,d1p\nx,y\n", b"\xff\xfe\x00", b"file_name\n\0\n", b"d1p,file_name\nx\n"]
)
def test_unreadable_table_is_a_note(tmp_path, content):
    folder = write_machine(tmp_path / "fan")
    (folder / "attributes_00.csv").write_bytes(content)
    said = list(attribute_notes(find_machines(folder).machines[0]))
    assert said
    assert all("attributes_00.csv" in note for note in said)


def test_row_with_too_few_cells_is_no_crash(tmp_path):
    assert notes(tmp_path, ["file_name,d1p,d1v", STEMS[0], *LAYOUTS["stem"][2:]]) == []


def test_real_tables_agree():
    folders = find_machines(kit("real_dcase2023")).machines
    assert len(folders) == 7
    assert [list(attribute_notes(folder)) for folder in folders] == [[]] * 7


def test_a_note_is_one_line_whatever_a_table_holds(tmp_path):
    lines = [LAYOUTS["stem"][0], '"two\nlines\0",,', *LAYOUTS["stem"][1:], f"{'x' * 10**5},,"]
    said = notes(tmp_path, lines)
    assert len(said) == 1
    assert said[0].startswith("attributes_00.csv names 2 clips that are not there, two\\nlines\\x00 first")
    said = notes(tmp_path, [LAYOUTS["stem"][0], f"{'x' * 10**5},,", *LAYOUTS["stem"][1:]])
    assert len(said[0]) < 400
