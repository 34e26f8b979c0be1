"""A recording arrives when nobody is writing to it any more."""

import os
import struct

import pytest

from stridor.common.errors import StridorError
from stridor.operation.arrivals import PATIENCE_SECONDS, Arrivals


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def names(arrivals):
    return [one.name for one in arrivals.look(lambda arrival: False)]


def test_a_growing_file_waits_until_it_is_quiet(tmp_path, sound, clock):
    sound(tmp_path / "a.wav", 0)
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").unlink()
    arrivals = Arrivals(tmp_path, 2.0, clock)
    assert names(arrivals) == []
    for length in (100, 4000, len(whole)):
        (tmp_path / "a.wav").write_bytes(whole[:length])
        clock.now += 1.5
        assert names(arrivals) == []
        assert arrivals.waiting == ("a.wav",)
    clock.now += 1.5
    assert names(arrivals) == []
    clock.now += 1.5
    assert names(arrivals) == ["a.wav"]
    assert arrivals.waiting == ()


def test_a_header_that_promises_more_is_given_a_minute(tmp_path, sound, clock):
    sound(tmp_path / "whole.wav", 0)
    content = bytearray((tmp_path / "whole.wav").read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", 10**6)
    (tmp_path / "cut.wav").write_bytes(content)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    arrivals = Arrivals(tmp_path, 2.0, clock)
    names(arrivals)
    clock.now += 3
    assert names(arrivals) == ["whole.wav"]
    assert set(arrivals.waiting) == {"broken.wav", "cut.wav"}
    clock.now += PATIENCE_SECONDS
    assert set(names(arrivals)) == {"broken.wav", "cut.wav", "whole.wav"}
    # What has lain there for long need not wait again.
    os.utime(tmp_path / "cut.wav", (0, 0))
    again = Arrivals(tmp_path, 2.0, clock)
    names(again)
    clock.now += 3
    assert "cut.wav" in names(again)


def test_the_oldest_comes_first_and_what_is_known_or_hidden_not_at_all(tmp_path, sound, clock):
    (tmp_path / "deep").mkdir()
    for number, name in enumerate(("c.wav", "deep/b.wav", "a.wav", ".hidden.wav")):
        os.utime(sound(tmp_path / name, number), (1000 + number, 1000 + number))
    (tmp_path / "notes.txt").touch()
    arrivals = Arrivals(tmp_path, 0.0, clock)
    assert names(arrivals) == ["c.wav", "deep/b.wav", "a.wav"]
    assert [one.name for one in arrivals.look(lambda one: one.name == "c.wav")] == ["deep/b.wav", "a.wav"]
    [*_, last] = arrivals.look(lambda one: False)
    assert last.is_unchanged
    (tmp_path / "a.wav").unlink()
    assert not last.is_unchanged
    assert names(arrivals) == ["c.wav", "deep/b.wav"]
    with pytest.raises(StridorError, match="is not a folder"):
        names(Arrivals(tmp_path / "nowhere"))
