"""Editing a detector's entry of params.yaml."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stridor.common.errors import StridorError
from stridor.params.apply import diff, read_text, with_entry, write_text

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


def test_only_the_lines_of_the_entry_change():
    after = with_entry(TEXT, "fan", ENTRY)
    changed = [line for line in diff(TEXT, after).splitlines()[2:] if line[0] in "+-"]
    assert changed == [
        "+    learning_rate: 2.0e-05",
        "+    snr_db: [-5.5, 10.0]",
        "+    overrides: {bank.k: 2, bank.metric: cosine}",
    ]
    assert YAML(typ="safe").load(after)["detectors"]["fan"] == {"machines": ["fan"], **ENTRY}


def test_earlier_values_are_replaced_or_removed():
    after = with_entry(TEXT, "valve", {"learning_rate": 0.5})
    assert after == TEXT.replace("learning_rate: 1.0e-3   # by hand", "learning_rate: 0.5")
    assert with_entry(after, "valve", {}) == TEXT.replace("    learning_rate: 1.0e-3   # by hand\n", "")
    twice = with_entry(with_entry(TEXT, "valve", ENTRY), "valve", ENTRY)
    assert twice == with_entry(TEXT, "valve", ENTRY)


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
    before, after = YAML(typ="safe").load(text), YAML(typ="safe").load(with_entry(text, "fan", ENTRY))
    assert after["detectors"].pop("fan") == {"machines": ["fan"], **ENTRY}
    del before["detectors"]["fan"]
    assert after == before


def test_an_alias_cannot_be_edited_safely():
    text = "detectors:\n  fan: &one\n    machines: [fan]\n  valve: *one\n"
    with pytest.raises(StridorError, match="'fan' in a way that cannot be edited"):
        with_entry(text, "fan", ENTRY)


def test_a_text_that_no_longer_reads_is_not_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StridorError, match=r"params\.yaml is missing"):
        read_text()
    Path("params.yaml").write_text(TEXT)
    with pytest.raises(StridorError, match="learning_rate"):
        write_text(with_entry(TEXT, "fan", {"learning_rate": -1.0}))
    assert read_text() == TEXT
    write_text(with_entry(TEXT, "fan", {"learning_rate": 1.0}))
    assert "learning_rate: 1.0\n" in read_text()
    assert list(tmp_path.iterdir()) == [tmp_path / "params.yaml"]
