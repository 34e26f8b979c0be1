"""What a record says of its files."""

import pytest

from stridor.common.errors import StridorError
from stridor.ingest.dcase.record import ZENODO, RecordFile, file_url, newest_revision, read_record, record_url
from zenodo import HASTY


def test_addresses_are_zenodos():
    assert record_url(ZENODO, "15097779") == "https://zenodo.org/api/records/15097779"
    assert file_url(ZENODO, "7", "dev_fan.zip") == "https://zenodo.org/records/7/files/dev_fan.zip?download=1"
    assert file_url(ZENODO, "7", "../a b?") == "https://zenodo.org/records/7/files/..%2Fa%20b%3F?download=1"


def test_a_record_tells_its_files(server):
    files = read_record(server.url, "101", HASTY)
    assert sorted(files) == ["dev_fan.zip", "dev_valve.zip"]
    fan = files["dev_fan.zip"]
    assert (fan.record, fan.bytes) == ("101", len(server.files["101", "dev_fan.zip"]))
    assert len(fan.md5) == 32


@pytest.mark.parametrize("fault", ["503", "429", "redirect", "cut"])
def test_a_record_is_asked_again(server, fault):
    server.faults["101"] = [fault]
    assert len(read_record(server.url, "101", HASTY)) == 2
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (["404"], "answers 404"),
        (["503"] * 3, "could not be fetched in 3 tries"),
        (["html"], "not JSON, perhaps the log-in page of a network"),
    ],
)
def test_a_record_that_does_not_answer(server, faults, said):
    server.faults["101"] = faults
    with pytest.raises(StridorError, match=said):
        read_record(server.url, "101", HASTY)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9", r"could not be fetched in 3 tries \(connection refused\); check the connection"),
        ("ftp://127.0.0.1", "cannot be fetched"),
        ("zenodo", "cannot be fetched"),
    ],
)
def test_no_server(url, said):
    with pytest.raises(StridorError, match=said):
        read_record(url, "101", HASTY)


@pytest.mark.parametrize("checksum", ["sha1:00", "md5:xyz", "d41d8cd98f00b204e9800998ecf8427e", None])
def test_another_form_is_refused(server, checksum):
    server.checksums["101", "dev_fan.zip"] = checksum
    with pytest.raises(StridorError, match="does not describe its files as Zenodo does"):
        read_record(server.url, "101", HASTY)


def test_a_size_that_is_none_is_refused(server, monkeypatch):
    monkeypatch.setattr(
        server, "describe", lambda record: b'{"files": [{"key": "a", "size": "1", "checksum": "md5:0"}]}'
    )
    with pytest.raises(StridorError, match="does not describe"):
        read_record(server.url, "101", HASTY)
    monkeypatch.setattr(server, "describe", lambda record: b"[]")
    with pytest.raises(StridorError, match="does not describe"):
        read_record(server.url, "101", HASTY)


def test_an_empty_record(server):
    assert read_record(server.url, "999", HASTY) == {}


def test_corrected_archives_win():
    names = ["a_fan.zip", "dev_fan.zip", "dev_fan_r10.zip", "dev_fan_r2.zip", "dev_fan_rX.zip", "dev_fans.zip"]
    assert newest_revision(names, "dev_fan") == "dev_fan_r10.zip"
    assert newest_revision(names[:2], "dev_fan") == "dev_fan.zip"
    assert newest_revision(names[4:], "dev_fan") is None
    assert newest_revision([], "dev_fan") is None


def test_files_compare_by_all_they_say():
    assert RecordFile("1", "a", 2, "x") != RecordFile("1", "a", 2, "y")
