"""Names of clips that are parts of recordings, read as they were written."""

import pytest

from stridor.serving.part_names import is_of, part_name, split_part_name


@pytest.mark.parametrize("recording", ["a.wav", "week 1/a from b.wav", "two\nlines.wav", "x from 3 s.wav"])
def test_a_name_is_read_as_it_was_written(recording):
    name = part_name(recording, "7.2")
    assert split_part_name(name) == (recording, 7.2)
    assert split_part_name(recording) == (recording, None)
    assert is_of(name, recording)
    assert is_of(recording, recording)
    assert not is_of(name, recording[:-1])


def test_how_it_is_written_is_kept_as_banks_hold_it():
    assert part_name("a.wav", "7.2") == "a.wav from 7.2 s"
