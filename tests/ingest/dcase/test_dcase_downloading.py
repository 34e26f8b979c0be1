"""Archives chosen against the pins, and fetched side by side."""

import signal
import threading
import time

import pytest

from stridor.common.download import partial_of
from stridor.common.errors import StridorError
from stridor.common.http import StoppableRetry
from stridor.ingest.dcase.downloading import choose, fetch_all, listing
from stridor.ingest.dcase.pins import NAME, Pins
from stridor.ingest.dcase.years import wanted_archives
from zenodo import HASTY, archive


@pytest.fixture
def pins(tmp_path):
    """The pins of a project."""
    return Pins(tmp_path / NAME)


@pytest.fixture
def pick(small_year, server, tmp_path, pins):
    """Choose the archives of some sets."""
    return lambda *sets: choose(wanted_archives(small_year, sets or ("dev",)), tmp_path / "in", pins, server.url, HASTY)


@pytest.fixture
def get(pick, server, pins):
    """Choose and fetch."""

    def get_them(*sets):
        downloads = pick(*sets)
        fetch_all(downloads, pins, server.url, parallel=2, retry=HASTY)
        return downloads

    return get_them


def test_files_and_sizes_are_listed_first(pick, server, tmp_path):
    downloads = pick("dev", "eval")
    text = listing(downloads)
    assert [line.split()[0] for line in text.splitlines()[:-1]] == [name for _, name in server.files]
    total = sum(map(len, server.files.values())) / 1e6
    assert text.splitlines()[-1] == f"4 files, {total:.1f} MB; {total:.1f} MB to download."
    assert server.downloads() == []
    assert not (tmp_path / "in").exists()


def test_files_arrive_and_are_pinned(get, server, tmp_path):
    downloads = get("dev", "eval")
    for (record, name), content in server.files.items():
        assert (tmp_path / "in" / record / name).read_bytes() == content
    assert sorted(server.downloads()) == sorted(name for _, name in server.files)
    pinned = Pins(tmp_path / NAME)
    assert [pinned.find(one.wanted.record, one.wanted.stem) for one in downloads] == [one.file for one in downloads]


def test_what_is_here_and_pinned_needs_no_server(get, server):
    get()
    server.asked.clear()
    assert all(one.here for one in get())
    assert server.asked == []


def test_what_is_here_and_not_pinned_is_compared_with_the_record(pick, get, server, tmp_path):
    folder = tmp_path / "in" / "101"
    folder.mkdir(parents=True)
    (folder / "dev_fan.zip").write_bytes(server.files["101", "dev_fan.zip"])
    (folder / "dev_valve.zip").write_bytes(b"half of it")
    assert [one.here for one in pick()] == [True, False]
    assert "dev_fan.zip" in (text := listing(pick()))
    assert "MB  here" in text
    get()
    assert server.downloads() == ["dev_valve.zip"]
    assert (folder / "dev_valve.zip").read_bytes() == server.files["101", "dev_valve.zip"]


def test_a_part_is_listed_and_taken_up(pick, get, server, tmp_path):
    one = pick()[0]
    partial = partial_of(one.path, one.file.md5)
    partial.parent.mkdir(parents=True)
    partial.write_bytes(server.files["101", "dev_fan.zip"][:20000])
    stale = partial_of(one.path, "f" * 32)
    stale.write_bytes(b"of a version that was replaced")
    assert pick()[0].missing_bytes == one.file.bytes - 20000
    assert "MB to come" in listing(pick())
    get()
    assert "bytes=20000-" in [asked for _, asked in server.asked]
    assert not stale.exists()
    assert not partial.exists()


def test_files_are_fetched_side_by_side(pick, server, pins):
    server.gate = threading.Event()
    downloads = pick("dev", "eval")
    working = threading.Thread(
        target=fetch_all, args=(downloads, pins, server.url), kwargs={"parallel": 2, "retry": HASTY}
    )
    working.start()
    deadline = threading.Event()
    while len(server.downloads()) < 2 and not deadline.wait(0.01):
        pass
    # Both are in the middle, and the third waits for its turn.
    assert not deadline.wait(0.1)
    assert len(server.downloads()) == 2
    server.gate.set()
    working.join(20)
    assert all(one.path.exists() for one in downloads)


def test_a_replaced_file_is_refused_until_its_pin_is_removed(get, small_year, server, tmp_path):
    get()
    old = (tmp_path / NAME).read_text()
    server.files["101", "dev_fan.zip"] = new = archive({"fan/train/x.wav": b"other"})
    assert all(one.here for one in get()), "what is on disk is what was pinned"
    (tmp_path / "in" / "101" / "dev_fan.zip").unlink()
    with pytest.raises(StridorError, match=r"dev_fan\.zip of record 101 was replaced since it was pinned"):
        get()
    assert (tmp_path / NAME).read_text() == old
    assert not (tmp_path / "in" / "101" / "dev_fan.zip").exists()
    (tmp_path / NAME).write_text("".join(line for line in old.splitlines(keepends=True) if "fan" not in line))
    pins = Pins(tmp_path / NAME)
    fetch_all(
        choose(wanted_archives(small_year, ("dev",)), tmp_path / "in", pins, server.url, HASTY),
        pins,
        server.url,
        parallel=1,
        retry=HASTY,
    )
    assert (tmp_path / "in" / "101" / "dev_fan.zip").read_bytes() == new


def test_a_correction_takes_the_place_of_an_archive(pick, get, server):
    server.files["101", "dev_fan_r2.zip"] = archive({})
    assert [one.file.name for one in pick()] == ["dev_fan_r2.zip", "dev_valve.zip"]
    del server.files["101", "dev_fan_r2.zip"]
    downloads = get()
    downloads[0].path.unlink()
    server.files["101", "dev_fan_r2.zip"] = archive({})
    with pytest.raises(StridorError, match=r"it is called dev_fan_r2\.zip"):
        pick()


def test_one_that_cannot_be_had_does_not_hinder_the_others(get, server, tmp_path):
    server.faults["dev_fan.zip"] = ["404"]
    with pytest.raises(StridorError, match=r"dev_fan\.zip\?download=1 answers 404"):
        get()
    assert (tmp_path / "in" / "101" / "dev_valve.zip").exists()
    server.faults["dev_fan.zip"] = ["404"]
    server.faults["eval_data_pump_test.zip"] = ["404"]
    with pytest.raises(StridorError, match="; 1 more files could not be fetched either"):
        get("dev", "eval")
    get("dev", "eval")


def test_a_record_without_the_archive_is_refused(pick, server):
    del server.files["101", "dev_fan.zip"]
    with pytest.raises(StridorError, match=r"Record 101 has no file dev_fan\.zip, but dev_valve\.zip; look"):
        pick()
    server.files.clear()
    with pytest.raises(StridorError, match="but no files"):
        pick()


def test_a_full_disk_is_told_before_anything_is_fetched(get, server, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(StridorError, match=r"0\.0 GB left and 0\.0 GB are to be downloaded"):
        get()
    assert server.downloads() == []


def test_ctrl_c_does_not_wait_for_pauses(pick, server, pins):
    server.faults["dev_fan.zip"] = ["cut", "503 60"]
    server.faults["dev_valve.zip"] = ["503 60"]
    downloads = pick()

    def press_when_both_wait():
        while len(server.downloads()) < 3:
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=press_when_both_wait, daemon=True).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fetch_all(downloads, pins, server.url, parallel=2, retry=StoppableRetry(total=6))
    assert time.monotonic() - start < 50
    assert not any(one.path.exists() for one in downloads)
