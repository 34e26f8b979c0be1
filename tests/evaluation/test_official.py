"""Official result files: the kit's read as they are, our own read back to the same numbers."""

import csv

import numpy as np
import pytest

from kit import kit
from made_clips import KIT_MACHINES, kit_clips
from stridor.common.errors import StridorError
from stridor.evaluation.official import decision_file, read_official, score_file, write_official

NAMES = [
    "section_00_source_test_normal_0002_vel_8.wav",
    "section_00_source_test_anomaly_0001_vel_8.wav",
    "section_00_0003.wav",
]


@pytest.mark.parametrize("machine", KIT_MACHINES)
def test_the_kits_files_survive_a_round_trip(tmp_path, machine):
    folder = kit("metrics") / "dcase2025_dev"
    read = read_official(folder, machine)
    write_official(tmp_path, machine, read.file_names, read.scores, read.decisions)
    again = read_official(tmp_path, machine)
    order = np.argsort(read.file_names)
    assert again.file_names == tuple(np.array(read.file_names)[order])
    np.testing.assert_array_equal(again.scores, read.scores[order])
    np.testing.assert_array_equal(again.decisions, read.decisions[order])
    np.testing.assert_array_equal(again.scores, kit_clips(machine).scores)
    if list(order) == list(range(len(order))):
        assert decision_file(tmp_path, machine, "00").read_bytes() == (
            decision_file(folder, machine, "00").read_bytes().replace(b"\r\n", b"\n")
        )


def test_files_have_no_header_sorted_rows_and_every_digit(tmp_path):
    scores = np.array([0.1 + 0.2, 1e-17, 3.0])
    write_official(tmp_path, "Toy_Car", [f"data/test/{name}" for name in NAMES], scores, [1, 0, 1])
    written = sorted(tmp_path.iterdir())
    assert [path.name for path in written] == [
        "anomaly_score_Toy_Car_section_00_test.csv",
        "decision_result_Toy_Car_section_00_test.csv",
    ]
    assert written[0].read_text() == f"{NAMES[2]},3.0\n{NAMES[1]},1e-17\n{NAMES[0]},0.30000000000000004\n"
    assert written[1].read_text() == f"{NAMES[2]},1\n{NAMES[1]},0\n{NAMES[0]},1\n"


def test_float32_scores_and_boolean_decisions_are_written_as_numbers(tmp_path):
    scores = np.array([0.1, 0.2, 0.3], dtype=np.float32)
    write_official(tmp_path, "fan", NAMES, scores, np.array([True, False, True]))
    read = read_official(tmp_path, "fan")
    np.testing.assert_array_equal(read.scores.astype(np.float32), scores[[2, 1, 0]])
    assert read.decisions.tolist() == [1, 0, 1]


def test_each_section_has_its_own_pair_of_files(tmp_path):
    names = ["section_03_0001.wav", "section_00_0001.wav", "section_03_0000.wav"]
    write_official(tmp_path, "fan", names, [1, 2, 3], [0, 0, 1])
    sections = sorted(path.name.split("section_")[1] for path in tmp_path.iterdir())
    assert sections == ["00_test.csv"] * 2 + ["03_test.csv"] * 2
    assert read_official(tmp_path, "fan", "03").scores.tolist() == [3, 1]
    assert read_official(tmp_path, "fan", "00").file_names == ("section_00_0001.wav",)


def test_names_that_need_quotes_survive(tmp_path):
    name = 'section_00_source_test_normal_0001_note_a,"b".wav'
    write_official(tmp_path, "fan", [name], [1.5], [0])
    assert read_official(tmp_path, "fan").file_names == (name,)
    with open(score_file(tmp_path, "fan", "00"), newline="") as file:
        assert list(csv.reader(file)) == [[name, "1.5"]]


@pytest.mark.parametrize(
    ("names", "scores", "decisions", "complaint"),
    [
        ([], [], [], "0 file names"),
        (NAMES, [1, 2], [0, 0, 0], r"scores of shape \(2,\)"),
        (NAMES, [1, 2, 3], [0, 0], r"decisions of shape \(2,\)"),
        (NAMES, [1, 2, np.nan], [0, 0, 0], "not finite"),
        (NAMES, [1, 2, 3], [0, 0, 2], "neither 0 nor 1"),
        ([f"a/{NAMES[0]}", f"b/{NAMES[0]}"], [1, 2], [0, 0], "two test clips are named section_00_source"),
        (["noise.wav"], [1], [0], "noise.wav does not parse"),
    ],
)
def test_what_makes_no_result_is_refused_and_leaves_nothing(tmp_path, names, scores, decisions, complaint):
    with pytest.raises(StridorError, match=complaint):
        write_official(tmp_path, "fan", names, scores, decisions)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", ["a.wav", "a.wav,high", "a.wav,1,2", "a.wav,", "a.wav,nan", "a.wav,inf"])
def test_a_line_that_is_no_result_is_named(tmp_path, line):
    write_official(tmp_path, "fan", NAMES, [1, 2, 3], [0, 0, 1])
    with open(score_file(tmp_path, "fan", "00"), "a") as file:
        file.write(line + "\n")
    with pytest.raises(StridorError, match="line 4"):
        read_official(tmp_path, "fan")


def test_files_that_hold_no_results_are_refused(tmp_path):
    write_official(tmp_path, "fan", NAMES, [1, 2, 3], [0, 0, 1])
    place = decision_file(tmp_path, "fan", "00")
    good = place.read_text()
    place.write_text(good.replace(",1", ",7"))
    with pytest.raises(StridorError, match="decisions other than 0 and 1"):
        read_official(tmp_path, "fan")
    place.write_bytes(good.encode("utf-16"))
    with pytest.raises(StridorError, match="is not a result file"):
        read_official(tmp_path, "fan")
    place.write_text('"' + "x" * 200_000)
    with pytest.raises(StridorError, match="is not a result file"):
        read_official(tmp_path, "fan")


def test_files_that_are_missing_or_do_not_match_are_refused(tmp_path):
    with pytest.raises(StridorError, match=r"anomaly_score_fan_section_00_test\.csv is missing"):
        read_official(tmp_path, "fan")
    write_official(tmp_path, "fan", NAMES, [1, 2, 3], [0, 0, 1])
    decision_file(tmp_path, "fan", "00").write_text(f"{NAMES[0]},1\n")
    with pytest.raises(StridorError, match="do not contain the same clips"):
        read_official(tmp_path, "fan")
