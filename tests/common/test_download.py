"""Fetching a file over lines that break and from servers that err."""

import hashlib
from concurrent.futures import CancelledError
from threading import Event

import pytest

from stridor.common.download import fetch, partial_of
from stridor.common.errors import StridorError
from stridor.ingest.dcase.record import file_url
from zenodo import HASTY, Zenodo

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()
NAME = "dev_fan.zip"


@pytest.fixture
def server():
    zenodo = Zenodo()
    zenodo.files["1", NAME] = CONTENT
    with zenodo.serving() as serving:
        yield serving


@pytest.fixture
def get(server, tmp_path):
    """Fetch the file; return its place."""

    def get_it(**options):
        place = tmp_path / "deep" / NAME
        fetch(file_url(server.url, "1", NAME), place, size=len(CONTENT), digest=MD5, retry=HASTY, **options)
        return place

    return get_it


@pytest.fixture
def partial(tmp_path):
    """Where the part lies that has arrived."""
    (tmp_path / "deep").mkdir()
    return partial_of(tmp_path / "deep" / NAME, MD5)


def ranges(server):
    return [asked for _, asked in server.asked]


def test_a_file_arrives_and_nothing_else(get, server):
    moved = []
    place = get(moved=moved.append)
    assert place.read_bytes() == CONTENT
    assert sum(moved) == len(CONTENT)
    assert list(place.parent.iterdir()) == [place]
    assert ranges(server) == [None]


def test_an_empty_file_arrives(server, tmp_path):
    server.files["1", "empty"] = b""
    url, md5 = file_url(server.url, "1", "empty"), hashlib.md5(b"").hexdigest()
    fetch(url, tmp_path / "empty", size=0, digest=md5, retry=HASTY)
    assert (tmp_path / "empty").read_bytes() == b""


@pytest.mark.parametrize(
    "faults", [["503"], ["503 0"], ["500", "429"], ["redirect"], ["cut"], ["cut", "cut"], ["other"], ["long"]]
)
def test_another_try_helps(get, server, faults):
    server.faults[NAME] = faults
    moved = []
    assert get(moved=moved.append).read_bytes() == CONTENT
    assert sum(moved) == len(CONTENT)


def test_a_broken_line_is_taken_up_where_it_broke(get, server):
    server.faults[NAME] = ["cut", "cut"]
    get()
    first, *others = ranges(server)
    starts = [int(asked.removeprefix("bytes=").rstrip("-")) for asked in others]
    assert first is None
    # A block that was not whole when the connection broke is fetched again.
    assert starts == [len(CONTENT) // 2 // 2**16 * 2**16, starts[0] + (len(CONTENT) - starts[0]) // 2 // 2**16 * 2**16]


def test_a_line_that_gets_further_is_not_given_up(get, server):
    server.faults[NAME] = ["cut"] * 4
    assert get().read_bytes() == CONTENT


def test_what_a_killed_call_left_is_used(get, server, partial):
    partial.write_bytes(CONTENT[:1000])
    moved = []
    assert get(moved=moved.append).read_bytes() == CONTENT
    assert ranges(server) == ["bytes=1000-"]
    assert sum(moved) == len(CONTENT) - 1000


def test_a_whole_part_needs_no_server(get, server, partial):
    partial.write_bytes(CONTENT)
    assert get().read_bytes() == CONTENT
    assert server.asked == []


@pytest.mark.parametrize("left", [CONTENT + b"more", bytes(len(CONTENT)), bytes(1000)])
def test_a_part_that_is_wrong_is_dropped(get, partial, left):
    partial.write_bytes(left)
    moved = []
    assert get(moved=moved.append).read_bytes() == CONTENT
    assert len(left) + sum(moved) == len(CONTENT)


def test_a_server_without_ranges_starts_again(get, server, partial):
    server.ranges = False
    partial.write_bytes(CONTENT[:1000])
    moved = []
    assert get(moved=moved.append).read_bytes() == CONTENT
    assert sum(moved) == len(CONTENT) - 1000


def test_a_server_without_ranges_and_a_line_that_breaks_end(get, server):
    server.ranges = False
    server.faults[NAME] = ["cut"] * 100
    with pytest.raises(StridorError, match=r"could not be fetched in 3 tries \(the connection broke after"):
        get()


def test_another_range_than_asked_for_is_not_appended(get, server, partial):
    server.faults[NAME] = ["shifted"]
    partial.write_bytes(CONTENT[:1000])
    assert get().read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (["404"], "answers 404"),
        (["403"], "answers 403"),
        (["503"] * 3, r"3 tries \(the server answers 503\); check the connection and run the command again"),
        (["other", "other"], "gives a file with the MD5 .* but its record says"),
        (["long"] * 3, "longer than the"),
        (["html"] * 3, "the connection broke after 19 of"),
        (["redirect"] * 40, "cannot be fetched"),
    ],
)
def test_what_cannot_be_had_is_refused(get, server, tmp_path, faults, said):
    server.faults[NAME] = faults
    with pytest.raises(StridorError, match=said) as refused:
        get()
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "deep" / NAME).exists()


def test_a_stop_keeps_what_has_arrived(get, server, partial):
    stop = Event()

    def moved(_):
        stop.set()

    with pytest.raises(CancelledError):
        get(stop=stop, moved=moved)
    assert 0 < partial.stat().st_size < len(CONTENT)
    assert get().read_bytes() == CONTENT
    assert ranges(server)[1].startswith("bytes=")


def test_a_stop_ends_a_pause(get, server):
    server.faults[NAME] = ["503 60"]
    stop = Event()
    stop.set()
    with pytest.raises(CancelledError):
        get(stop=stop)
