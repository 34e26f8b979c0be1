"""Editing the detectors of params.yaml without losing a comment."""

import pytest
from ruamel.yaml import YAML

from recordings import PARAMS
from stridor.common.errors import StridorError
from stridor.params.editing import edit_detectors


def detectors(text):
    return YAML(typ="safe").load(text)["detectors"]


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
        "detectors: {\n  valve: {machines: [valve]},  # comment\n  pump: {machines: [pump]}\n}\n",
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


@pytest.mark.parametrize("machine", ["12", "1e3", "null", "true", "no", "0x10", "1_000", "ToyCar", "a-b_c"])
def test_names_stay_texts(machine):
    edit = edit_detectors(PARAMS, (machine,))
    assert detectors(edit.text)[machine] == {"machines": [machine]}


def test_truth_values_of_yaml_1_1_are_quoted():
    assert '  "No":\n    machines: ["No"]\n' in edit_detectors(PARAMS, ("No",)).text


def test_a_detector_that_only_has_the_name_stands_in_the_way():
    with pytest.raises(StridorError, match="a detector 'fan' that does not name the machine 'fan'"):
        edit_detectors("detectors:\n  fan:\n    machines: [pump]\n", ("fan",))


@pytest.mark.parametrize("text", ["seed: 1\n", "detectors:\nseed: 1\n", "", "detectors: 3\n"])
def test_no_mapping_of_detectors_is_refused(text):
    with pytest.raises(StridorError, match=r"params\.yaml has no mapping 'detectors'"):
        edit_detectors(text, ("fan",))
