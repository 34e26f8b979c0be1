"""The organisers' ground truth, in its two forms."""

import pytest

from stridor.common.errors import StridorError
from stridor.ingest.dcase.truth import read_truth

TABLE = "ground_truth_pump_section_00_test.csv"
LABELS = "section_00_0000.wav,0\nsection_00_0001.wav,1\n"
DOMAINS = "section_00_0000.wav,1\nsection_00_0001.wav,0\n"
NAMES = (
    "section_00_0000.wav,section_00_target_test_normal_0012_ac_0.11\n"
    "section_00_0001.wav,section_00_source_test_anomaly_0012_noAttribute\n"
)


def write(root, **tables):
    """Write an evaluator's tables: data, domain or attributes."""
    for what, text in tables.items():
        (root / f"ground_truth_{what}").mkdir()
        (root / f"ground_truth_{what}" / TABLE).write_text(text)
    return root


@pytest.mark.parametrize("end", ["", ".wav"])
def test_names_are_taken_as_they_are(tmp_path, end):
    text = "".join(f"{line}{end}\n" for line in NAMES.splitlines())
    assert read_truth(write(tmp_path, attributes=text, data=LABELS, domain=DOMAINS), "pump") == {
        "section_00_0000.wav": "section_00_target_test_normal_0012_ac_0.11.wav",
        "section_00_0001.wav": "section_00_source_test_anomaly_0012_noAttribute.wav",
    }


def test_names_are_made_of_labels_and_domains(tmp_path):
    assert read_truth(write(tmp_path, data=LABELS, domain=f"{DOMAINS}\n"), "pump") == {
        "section_00_0000.wav": "section_00_target_test_normal_0000_noAttribute.wav",
        "section_00_0001.wav": "section_00_source_test_anomaly_0001_noAttribute.wav",
    }


@pytest.mark.parametrize(
    "tables",
    [{}, {"data": LABELS}, {"domain": DOMAINS}, {"data": LABELS, "domain": DOMAINS[:22]}, {"attributes": ""}],
)
def test_a_machine_without_ground_truth_is_refused(tmp_path, tables):
    with pytest.raises(StridorError, match="holds no ground truth of pump; expected"):
        read_truth(write(tmp_path, **tables), "pump")


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(StridorError, match="is not a folder; expected the organisers' evaluator"):
        read_truth(tmp_path / "nowhere", "pump")


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"data": "section_00_0000.wav,2\n", "domain": "section_00_0000.wav,0\n"}, "expected 0 or 1 of a clip"),
        ({"data": "../x,1\n", "domain": "../x,0\n"}, "expected 0 or 1 of a clip"),
        ({"attributes": "section_00_0000.wav\n"}, "is not a ground truth"),
        ({"attributes": "section_00_0000.wav,a,b\n"}, "is not a ground truth"),
        ({"attributes": f"{NAMES}section_00_0000.wav,other\n"}, "names section_00_0000.wav twice"),
        ({"attributes": "a.wav,section_00_source_test_normal_0000_../../x\n"}, "expected section_00_<source|target>"),
        ({"attributes": "a.wav,../section_00_source_test_normal_0000_x\n"}, "expected section_00_<source|target>"),
        ({"attributes": "a.wav,section_00_0000\n"}, "expected section_00_<source|target>"),
        ({"attributes": "a.wav,section_00_source_train_normal_0000_x\n"}, "expected section_00_<source|target>"),
        ({"attributes": NAMES.replace("0001.wav", "0002.wav") + NAMES}, "gives two clips the same name"),
    ],
)
def test_odd_ground_truth_is_refused(tmp_path, tables, said):
    with pytest.raises(StridorError, match=said) as refused:
        read_truth(write(tmp_path, **tables), "pump")
    assert "\n" not in str(refused.value)
