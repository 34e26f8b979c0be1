"""The memory of a watch survives being cut anywhere."""

import pytest

from stridor.common.errors import StridorError
from stridor.operation.journal import Journal, read_lines

ENTRIES = [{"event": "recording", "number": i, "file": f"ä {i}\n.wav"} for i in range(3)]


def test_a_line_that_was_cut_anywhere_is_taken_back(tmp_path):
    path = tmp_path / "whole.jsonl"
    with Journal(path) as journal:
        for entry in ENTRIES:
            journal.append(entry)
        assert list(journal.entries()) == ENTRIES
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        cut = tmp_path / "cut.jsonl"
        cut.write_bytes(whole[:length])
        complete = whole[:length].count(b"\n")
        assert list(read_lines(cut)) == ENTRIES[:complete]
        with Journal(cut) as journal:
            assert list(journal.entries()) == ENTRIES[:complete]
            journal.append(ENTRIES[complete % 3])
        assert list(read_lines(cut)) == [*ENTRIES[:complete], ENTRIES[complete % 3]]


def test_lines_longer_than_a_block_and_zeros_of_a_lost_power(tmp_path):
    path = tmp_path / "long.jsonl"
    long = {"event": "recording", "text": "x" * 200_000}
    with Journal(path) as journal:
        journal.append(long)
        journal.append(long)
    whole = path.read_bytes()
    for tail in (whole[:150_000], b"\0" * 1000, b""):
        path.write_bytes(whole + tail)
        with Journal(path) as journal:
            assert list(journal.entries()) == [long, long]
    assert path.read_bytes() == whole


def test_files_of_something_else_and_of_another_process(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not mine")
    with pytest.raises(StridorError, match="holds something else than the results of a watch"):
        Journal(path)
    assert path.read_text() == "not mine"
    path.write_text("not mine\n")
    with Journal(path) as journal, pytest.raises(StridorError, match="line 1 is not a result of stridor"):
        list(journal.entries())
    with Journal(tmp_path / "mine.jsonl"), pytest.raises(StridorError, match="Another process writes to"):
        Journal(tmp_path / "mine.jsonl")
    with pytest.raises(StridorError, match="is missing"):
        list(read_lines(tmp_path / "nowhere.jsonl"))
