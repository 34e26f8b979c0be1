"""Checksums that are pinned, and files that were replaced since."""

import pytest

from stridor.common.errors import StridorError
from stridor.ingest.dcase.pins import NAME, Pins
from stridor.ingest.dcase.record import RecordFile

FAN = RecordFile("101", "dev_fan.zip", 7, "a" * 32)
VALVE = RecordFile("101", "dev_valve.zip", 8, "0" * 32)


@pytest.fixture
def path(tmp_path):
    """Where the table lies."""
    return tmp_path / NAME


def test_nothing_is_pinned_at_first(path):
    pins = Pins(path)
    assert pins.find("101", "dev_fan") is None
    pins.refuse_another(FAN, "dev_fan")
    assert not path.exists()


def test_the_table_is_read_back(path):
    pins = Pins(path)
    pins.add(VALVE)
    pins.add(FAN)
    assert path.read_text() == (
        f"record,name,bytes,md5\n101,dev_fan.zip,7,{'a' * 32}\n101,dev_valve.zip,8,{'0' * 32}\n"
    )
    again = Pins(path)
    assert again.find("101", "dev_fan") == FAN
    assert again.find("102", "dev_fan") is None
    again.refuse_another(FAN, "dev_fan")
    before = path.stat().st_mtime_ns
    again.add(FAN)
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (RecordFile("101", "dev_fan.zip", 7, "b" * 32), f"it has the MD5 {'b' * 32}"),
        (RecordFile("101", "dev_fan.zip", 9, "a" * 32), "was replaced since it was pinned"),
        (RecordFile("101", "dev_fan_r2.zip", 7, "b" * 32), "it is called dev_fan_r2.zip"),
    ],
)
def test_a_replaced_file_is_refused(path, now, said):
    pins = Pins(path)
    pins.add(FAN)
    with pytest.raises(StridorError, match=said) as refused:
        pins.refuse_another(now, "dev_fan")
    assert "remove the line from dcase-checksums.csv to take the new file" in str(refused.value)
    pins.refuse_another(VALVE, "dev_valve")


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "record,name,bytes,md5\n1,a,many,x\n", "record,name,bytes,md5\n1,a\n"])
def test_a_table_that_is_none_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(StridorError, match="is not a table with the columns record, name, bytes, md5"):
        Pins(path)


@pytest.mark.parametrize(
    "row", ["1,a.zip,-5," + "0" * 32, "1,a.zip,5,zz", "1,,5," + "0" * 32, "1,a.zip," + "9" * 5000 + ","]
)
def test_pins_that_no_download_wrote_are_refused(path, row):
    path.write_text(f"record,name,bytes,md5\n{row}\n")
    with pytest.raises(StridorError, match="is not a table with the columns"):
        Pins(path)
