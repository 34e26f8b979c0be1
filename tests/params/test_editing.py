"""Edits of params.yaml change the values that they should, and keep all comments and other lines."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from recordings import PARAMS
from stridor.common.errors import StridorError
from stridor.params import read_params
from stridor.params.editing import edit_detectors, with_seeds, with_tuned_values
from stridor.params.text import diff, read_text, write_text

ROOT = Path(__file__).resolve().parents[2]
FILES = (ROOT / "params.yaml", *sorted((ROOT / "profiles").glob("*.yaml")))
TEXT = """\
# Every parameter.
seed: 0

detectors:   # one each
  fan:
    machines: [fan]     # the big one
  valve:
    machines:
    - valve
    # tuned in spring
    learning_rate: 1.0e-3   # by hand

# Scores
bank: {k: 1}
"""
ENTRY = {"learning_rate": 2e-05, "snr_db": [-5.5, 10.0], "overrides": {"bank.k": 2, "bank.metric": "cosine"}}


def detectors(text):
    return YAML(typ="safe").load(text)["detectors"]


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_files_of_the_project_come_back_byte_for_byte(file):
    text = file.read_bytes().decode()
    machines = tuple(machine for entry in detectors(text).values() for machine in entry["machines"])
    imported = edit_detectors(text, (*machines, "toy"))
    assert [line[0] for line in diff(text, imported.text).splitlines()[2:]].count("+") == 2
    assert edit_detectors(imported.text, machines, fresh=True).text == text
    *_, last = detectors(text)
    plain = with_tuned_values(text, last, {})
    tuned = with_tuned_values(plain, last, ENTRY)
    assert [line[0] for line in diff(plain, tuned).splitlines()[2:] if line[0] in "+-"] == ["+"] * 3
    assert with_tuned_values(tuned, last, {}) == plain


def test_other_lines_stay_as_they_are():
    edit = edit_detectors(PARAMS, ("fan", "valve"))
    assert edit.added == ("fan",)
    lines = edit.text.splitlines()
    assert [line for line in lines if line not in ("  fan:", "    machines: [fan]")] == PARAMS.splitlines()
    assert lines.index("  fan:") == lines.index("      - pump") + 1


def test_nothing_to_do_changes_nothing():
    assert edit_detectors(PARAMS, ("pump",)).text == PARAMS


def test_fresh_keeps_what_names_imported_machines_only():
    text = (
        "detectors:\n  fleet:\n    machines: [fan, pump]\n    learning_rate: 1.0e-4\n"
        "  mixed:\n    machines: [fan, valve]\n\n# end\n"
    )
    edit = edit_detectors(text, ("fan", "pump", "toy"), fresh=True)
    assert edit.added == ("toy",)
    assert edit.removed == ("mixed",)
    assert edit.text == (
        "detectors:\n  fleet:\n    machines: [fan, pump]\n    learning_rate: 1.0e-4\n"
        "  toy:\n    machines: [toy]\n\n# end\n"
    )


def test_fresh_may_give_a_removed_name_to_a_machine():
    text = "detectors:\n  fan:\n    machines: [fan, valve]\nseed: 1\n"
    edit = edit_detectors(text, ("fan",), fresh=True)
    assert edit.text == "detectors:\n  fan:\n    machines: [fan]\nseed: 1\n"


@pytest.mark.parametrize(
    "text",
    [
        "detectors: {valve: {machines: [valve]}, pump: {machines: [pump]}}\nseed: 1\n",
        "detectors: {\n  valve: {machines: [valve]},\n  pump: {machines: [pump]}\n}  # comment\n",
        "detectors:\n    valve: {machines: [valve]}\n    pump: {machines: [pump]}",
        "detectors:\n  valve:\n    machines:\n    - valve\n  pump:\n    machines:\n    - pump\n# the end",
        "detectors:\r\n  valve:\r\n    machines: [valve]\r\n  pump:\r\n    machines: [pump]\r\nseed: 1\r\n",
    ],
)
def test_every_way_to_write_a_mapping(text):
    added = edit_detectors(text, ("fan", "toy"))
    assert list(detectors(added.text)) == ["valve", "pump", "fan", "toy"]
    fresh = edit_detectors(text, ("fan", "pump"), fresh=True)
    assert detectors(fresh.text) == {"pump": {"machines": ["pump"]}, "fan": {"machines": ["fan"]}}


@pytest.mark.parametrize(
    "machine", ["12", "1e3", "null", "true", "no", "0x10", "1_000", "ToyCar", "a-b_c", "pump 3", "a: b"]
)
def test_names_stay_texts(machine):
    edit = edit_detectors(PARAMS, (machine,))
    assert detectors(edit.text)[machine] == {"machines": [machine]}


@pytest.mark.parametrize("machine", ["No", "y", "null", "12", "1e3"])
def test_names_that_yaml_reads_as_something_else_are_quoted(machine):
    assert f'  "{machine}":\n    machines: ["{machine}"]\n' in edit_detectors(PARAMS, (machine,)).text


def test_a_detector_that_only_has_the_name_stands_in_the_way():
    with pytest.raises(StridorError, match="a detector 'fan' that does not name the machine 'fan'"):
        edit_detectors("detectors:\n  fan:\n    machines: [pump]\n", ("fan",))


@pytest.mark.parametrize("text", ["seed: 1\n", "detectors:\nseed: 1\n", "", "detectors: 3\n"])
def test_no_mapping_of_detectors_is_refused(text):
    with pytest.raises(StridorError, match=r"params\.yaml has no mapping 'detectors'"):
        edit_detectors(text, ("fan",))


def test_only_the_lines_of_the_entry_change():
    after = with_tuned_values(TEXT, "fan", ENTRY)
    changed = [line for line in diff(TEXT, after).splitlines()[2:] if line[0] in "+-"]
    assert changed == [
        "+    learning_rate: 2.0e-05",
        "+    snr_db: [-5.5, 10.0]",
        "+    overrides: {bank.k: 2, bank.metric: cosine}",
    ]
    assert YAML(typ="safe").load(after)["detectors"]["fan"] == {"machines": ["fan"], **ENTRY}


def test_earlier_values_are_replaced_or_removed():
    after = with_tuned_values(TEXT, "valve", {"learning_rate": 0.5})
    assert after == TEXT.replace("learning_rate: 1.0e-3   # by hand", "learning_rate: 0.5")
    assert with_tuned_values(after, "valve", {}) == TEXT.replace("    learning_rate: 1.0e-3   # by hand\n", "")
    twice = with_tuned_values(with_tuned_values(TEXT, "valve", ENTRY), "valve", ENTRY)
    assert twice == with_tuned_values(TEXT, "valve", ENTRY)


@pytest.mark.parametrize(
    "text",
    [
        "detectors: {fan: {machines: [fan], learning_rate: 0.1}, valve: {machines: [valve]}}\n",
        "detectors:\n  fan: {machines: [fan], snr_db: [0, 1]}  # short\n  valve: {machines: [valve]}\n",
        "detectors:\n  fan:\n    machines: [fan]",
        "detectors:\n  fan:\n    overrides:\n      bank.k: 4\n    machines: [fan]\nseed: 1\n",
    ],
)
def test_other_ways_of_writing_it(text):
    before, after = YAML(typ="safe").load(text), YAML(typ="safe").load(with_tuned_values(text, "fan", ENTRY))
    assert after["detectors"].pop("fan") == {"machines": ["fan"], **ENTRY}
    del before["detectors"]["fan"]
    assert after == before


COMMENTED = """\
detectors:  # one each
  # the big ones
  fan:  # loud
    # all of them
    machines:
      - fan  # east
      - saw

  # the small one
  valve:
    machines: [valve]
    # from a study
    snr_db:
      - 1
      - 2
    # from another
    overrides:
      bank.k: 3  # few

# scores
bank: {k: 1}  # and more
"""


def test_comments_above_replaced_values_stay_above():
    before, _, after = COMMENTED.partition("    snr_db:\n      - 1\n      - 2\n")
    expected = before + after.replace("    overrides:\n      bank.k: 3  # few\n", "    learning_rate: 0.5\n")
    assert with_tuned_values(COMMENTED, "valve", {"learning_rate": 0.5}) == expected


def test_comments_above_a_removed_detector_stay():
    fan = COMMENTED[COMMENTED.index("  fan:") : COMMENTED.index("\n  # the small one")]
    valve = COMMENTED[COMMENTED.index("  valve:") : COMMENTED.index("\n# scores")]
    assert edit_detectors(COMMENTED, ("valve",), fresh=True).text == COMMENTED.replace(fan, "")
    assert edit_detectors(COMMENTED, ("fan", "saw"), fresh=True).text == COMMENTED.replace(valve, "")
    pump = "  pump:\n    machines: [pump]\n"
    assert edit_detectors(COMMENTED, ("pump",), fresh=True).text == COMMENTED.replace(fan, "").replace(valve, pump)


def test_windows_line_ends_stay():
    text = TEXT.replace("\n", "\r\n")
    assert with_tuned_values(text, "fan", ENTRY) == with_tuned_values(TEXT, "fan", ENTRY).replace("\n", "\r\n")
    assert edit_detectors(text, ("saw",)).text == edit_detectors(TEXT, ("saw",)).text.replace("\n", "\r\n")


def test_other_indentation_becomes_that_of_the_project():
    text = "detectors:\n    fan:\n        machines: [fan]  # east\n\n# end\nseed: 1\n"
    assert with_tuned_values(text, "fan", {"learning_rate": 0.5}) == (
        "detectors:\n  fan:\n    machines: [fan]      # east\n    learning_rate: 0.5\n\n# end\nseed: 1\n"
    )


def test_a_value_that_two_entries_share_is_not_edited():
    text = "detectors:\n  fan: &one\n    machines: [fan]\n  valve: *one\n"
    with pytest.raises(StridorError, match="which cannot be edited alone; write them out"):
        with_tuned_values(text, "fan", ENTRY)
    assert edit_detectors(text, ("saw",)).text == f"{text}  saw:\n    machines: [saw]\n"


def test_a_comment_that_would_be_lost_is_refused():
    text = "detectors:\n  fan: {machines: [fan]}\ntune: {\n  trials: 3,  # few\n  pruner: none\n}\n"
    with pytest.raises(StridorError, match="a comment inside brackets, which would be lost"):
        with_tuned_values(text, "fan", ENTRY)


def test_a_text_that_no_longer_reads_is_not_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StridorError, match=r"params\.yaml is missing"):
        read_text()
    Path("params.yaml").write_text(TEXT)
    with pytest.raises(StridorError, match="learning_rate"):
        write_text(with_tuned_values(TEXT, "fan", {"learning_rate": -1.0}))
    assert read_text() == TEXT
    write_text(with_tuned_values(TEXT, "fan", {"learning_rate": 1.0}))
    assert "learning_rate: 1.0\n" in read_text()
    assert list(tmp_path.iterdir()) == [tmp_path / "params.yaml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_but_the_seeds_changes(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = with_seeds(file.read_text(encoding="utf-8"), [0])
    write_text(with_seeds(before, [5, 6, 7]))
    table = read_params().table
    assert (table.seeds, table.full_seeds) == ((5, 6, 7), (6, 7))
    changed = [one for one, other in zip(before.splitlines(), read_text().splitlines(), strict=True) if one != other]
    assert [line.split(":")[0].strip() for line in changed] == ["seeds", "full_seeds"]
    assert with_seeds(read_text(), [0]) == before


def test_seeds_written_as_lines_come_in_brackets():
    text = "table:\n  full_seeds: []\n  seeds:   # which\n    - 0\n    - 1  # two\n\n# end\nseed: 1\n"
    assert with_seeds(text, [3, 4]) == "table:\n  full_seeds: [4]\n  seeds: [3, 4] # which\n\n# end\nseed: 1\n"


@pytest.mark.parametrize("text", ["seed: 0\n", "table: {seeds: [0]}\n", "table:\n"])
def test_a_file_without_them_is_left_with_a_sentence(text):
    with pytest.raises(StridorError, match=r"no table\.(seeds|full_seeds) that could be set"):
        with_seeds(text, [0, 1])
