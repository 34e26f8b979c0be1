"""Checkpoints from sources that are dead, lie or break, and files got by hand."""

import hashlib
from dataclasses import replace

import pytest

from stridor.common.download import partial_of
from stridor.common.errors import StridorError
from stridor.ingest.checkpoints.fetching import fetch_checkpoint
from stridor.ingest.checkpoints.published import Published
from zenodo import HASTY, Zenodo

CONTENT = bytes(range(256)) * 1003
PAGE = "https://example.org/tiny"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    zenodo = Zenodo()
    for copy in ("1", "2"):
        zenodo.files[copy, "tiny.pt"] = CONTENT
    with zenodo.serving() as serving:
        yield serving


@pytest.fixture
def wanted(server):
    """A published file with a dead source before two copies."""
    copies = [f"{server.url}/records/{copy}/files/tiny.pt" for copy in ("9", "1", "2")]
    return Published("tiny", len(CONTENT), SHA256, ("http://127.0.0.1:9/tiny.pt", *copies), PAGE)


def test_the_first_source_that_gives_the_file_is_enough(server, wanted, tmp_path):
    said = []
    place = fetch_checkpoint(wanted, tmp_path / "checkpoints", print_line=said.append, retry=HASTY)
    assert place == tmp_path / "checkpoints" / "tiny.pt"
    assert place.read_bytes() == CONTENT
    assert list(place.parent.iterdir()) == [place]
    assert [path for path, _ in server.asked] == ["/records/9/files/tiny.pt", "/records/1/files/tiny.pt"]
    assert "connection refused" in said[1]
    assert "answers 404" in said[3]
    # What is there is checked, and nobody asked again.
    server.asked.clear()
    assert fetch_checkpoint(wanted, tmp_path / "checkpoints", retry=HASTY) == place
    assert server.asked == []


@pytest.mark.parametrize(("fault", "tries"), [("html", 3), ("other", 2), ("long", 3), ("403", 1)])
def test_a_source_that_gives_something_else_is_left_for_the_next(server, wanted, tmp_path, fault, tries):
    server.faults["tiny.pt"] = ["404"] + [fault] * tries
    assert fetch_checkpoint(wanted, tmp_path, retry=HASTY).read_bytes() == CONTENT
    assert server.asked[-1][0].startswith("/records/2/")


def test_a_broken_line_is_taken_up_at_the_next_source(server, wanted, tmp_path):
    partial_of(tmp_path / "tiny.pt", SHA256).write_bytes(CONTENT[:1000])
    assert fetch_checkpoint(wanted, tmp_path, retry=HASTY).read_bytes() == CONTENT
    assert server.asked[-1][1] == "bytes=1000-"


def test_where_all_links_are_dead_it_says_what_to_do(server, wanted, tmp_path):
    server.files.clear()
    with pytest.raises(StridorError, match=r"None of the 4 sources gives tiny.pt: .* fetch tiny --from FILE'") as no:
        fetch_checkpoint(wanted, tmp_path, retry=HASTY)
    assert "\n" not in str(no.value)
    assert PAGE in str(no.value)
    alone = replace(wanted, sources=wanted.sources[:1])
    with pytest.raises(StridorError, match=r"Its only source does not give tiny\.pt: "):
        fetch_checkpoint(alone, tmp_path, retry=HASTY)
    assert not (tmp_path / "tiny.pt").exists()


def test_a_file_got_by_hand_is_checked_and_taken(server, wanted, tmp_path):
    by_hand = tmp_path / "download (1).pt"
    by_hand.write_bytes(CONTENT)
    place = fetch_checkpoint(wanted, tmp_path / "checkpoints", from_file=by_hand)
    assert place.read_bytes() == CONTENT
    assert by_hand.exists()
    assert server.asked == []


@pytest.mark.parametrize(
    ("content", "said"), [(b"<html>", "has 6 bytes and tiny.pt as published"), (bytes(len(CONTENT)), "has the SHA-256")]
)
def test_another_file_got_by_hand_is_refused(wanted, tmp_path, content, said):
    by_hand = tmp_path / "download.pt"
    by_hand.write_bytes(content)
    with pytest.raises(StridorError, match=said):
        fetch_checkpoint(wanted, tmp_path / "checkpoints", from_file=by_hand)
    assert not (tmp_path / "checkpoints").exists()
    with pytest.raises(StridorError, match="is not a file"):
        fetch_checkpoint(wanted, tmp_path / "checkpoints", from_file=tmp_path / "none.pt")


def test_another_file_in_its_place_is_not_overwritten(server, wanted, tmp_path):
    (tmp_path / "tiny.pt").write_bytes(b"mine")
    with pytest.raises(StridorError, match="move it away"):
        fetch_checkpoint(wanted, tmp_path)
    assert (tmp_path / "tiny.pt").read_bytes() == b"mine"
