"""Bringing the archives of records onto the disk: chosen and checked against the pins, then fetched side by side."""

import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from tqdm import tqdm

from stridor.common.digests import file_md5
from stridor.common.download import fetch, partial_of
from stridor.common.errors import StridorError
from stridor.common.http import USUAL, StoppableRetry
from stridor.ingest.dcase.pins import Pins
from stridor.ingest.dcase.record import RecordFile, file_url, newest_revision, read_record
from stridor.ingest.dcase.years import Wanted


@dataclass(frozen=True)
class Download:
    """An archive with its path on disk; `here` if it lies there already, whole and right."""

    wanted: Wanted
    file: RecordFile
    path: Path
    here: bool

    @property
    def missing_bytes(self) -> int:
        """What is still to come."""
        if self.here:
            return 0
        partial = partial_of(self.path, self.file.md5)
        return self.file.bytes - (min(partial.stat().st_size, self.file.bytes) if partial.exists() else 0)


def choose(
    wanted: Iterable[Wanted], folder: Path, pins: Pins, site: str, retry: StoppableRetry = USUAL
) -> tuple[Download, ...]:
    """Find the file of every archive that is wanted; records are asked only for what is not on disk and pinned.

    Parameters
    ----------
    folder : Path
        Where archives lie, each set's in a folder that has the number of its record as name.

    Raises
    ------
    StridorError
        If a record does not answer, has no such archive, or has another one than the pinned.
    """
    records: dict[str, dict[str, RecordFile]] = {}
    found = []
    for one in wanted:
        file = pins.find(one.record, one.stem)
        here = file is not None and _is_here(folder, file)
        if file is None or not here:
            if one.record not in records:
                records[one.record] = read_record(site, one.record, retry)
            file = _pick(records[one.record], one)
            pins.refuse_another(file, one.stem)
            here = _is_here(folder, file)
        found.append(Download(one, file, _path(folder, file), here))
    return tuple(found)


def listing(downloads: tuple[Download, ...]) -> str:
    """Return the files with their sizes, and what is still to come, to print."""
    width = max(len(one.file.name) for one in downloads)
    lines = []
    for one in downloads:
        missing = one.missing_bytes
        state = "here" if one.here else "" if missing == one.file.bytes else f"{missing / 1e6:.1f} MB to come"
        line = f"  {one.file.name:<{width}}  record {one.file.record}  {one.file.bytes / 1e6:9.1f} MB  {state}"
        lines.append(line.rstrip())
    total, missing = sum(one.file.bytes for one in downloads), sum(one.missing_bytes for one in downloads)
    lines.append(f"{len(downloads)} files, {total / 1e6:.1f} MB; {missing / 1e6:.1f} MB to download.")
    return "\n".join(lines)


def fetch_all(
    downloads: tuple[Download, ...], pins: Pins, site: str, *, parallel: int, retry: StoppableRetry = USUAL
) -> None:
    """Fetch what is not here, several files at a time, and pin each one that has arrived.

    Raises
    ------
    StridorError
        If files cannot be had; the others are fetched all the same.
    """
    missing = [one for one in downloads if not one.here]
    for one in downloads:
        if one.here:
            pins.add(one.file)
    _check_space(missing)
    stop = Event()
    problems: list[str] = []
    total = sum(one.file.bytes for one in missing)
    with tqdm(total=total, desc="all", unit="B", unit_scale=True, leave=False, disable=None) as bar:
        bar.update(total - sum(one.missing_bytes for one in missing))
        pool = ThreadPoolExecutor(parallel)
        try:
            jobs = [pool.submit(_fetch_one, one, pins, site, bar, stop, retry) for one in missing]
            for job in as_completed(jobs):
                try:
                    job.result()
                except StridorError as error:
                    problems.append(str(error))
        finally:
            # An interrupt must not wait for gigabytes.
            stop.set()
            pool.shutdown(cancel_futures=True)
    if problems:
        also = f"; {len(problems) - 1} more files could not be fetched either" if len(problems) > 1 else ""
        raise StridorError(f"{problems[0].rstrip('.')}{also}.")


def _fetch_one(one: Download, pins: Pins, site: str, whole: tqdm, stop: Event, retry: StoppableRetry) -> None:
    for stale in one.path.parent.glob(f"{one.path.name}.unfinished-*"):
        if stale != partial_of(one.path, one.file.md5):
            stale.unlink()
    start = one.file.bytes - one.missing_bytes
    with tqdm(
        total=one.file.bytes, initial=start, desc=one.file.name, unit="B", unit_scale=True, leave=False, disable=None
    ) as bar:

        def moved(size: int) -> None:
            bar.update(size)
            whole.update(size)

        url = file_url(site, one.file.record, one.file.name)
        fetch(url, one.path, size=one.file.bytes, digest=one.file.md5, moved=moved, stop=stop, retry=retry)
    pins.add(one.file)


def _pick(record: dict[str, RecordFile], wanted: Wanted) -> RecordFile:
    name = newest_revision(list(record), wanted.stem)
    if name is None:
        raise StridorError(
            f"Record {wanted.record} has no file {wanted.stem}.zip, but {', '.join(sorted(record)) or 'no files'}; "
            "look at the record in a browser, a newer version may have taken its place."
        )
    return record[name]


def _path(folder: Path, file: RecordFile) -> Path:
    return folder / file.record / file.name


def _is_here(folder: Path, file: RecordFile) -> bool:
    path = _path(folder, file)
    return path.is_file() and path.stat().st_size == file.bytes and file_md5(path) == file.md5


def _check_space(missing: list[Download]) -> None:
    if not missing:
        return
    folder = missing[0].path.parent.parent
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = sum(one.missing_bytes for one in missing), shutil.disk_usage(folder).free
    if needed > free:
        raise StridorError(
            f"{folder} has {free / 1e9:.1f} GB left and {needed / 1e9:.1f} GB are to be downloaded; make room, or name "
            "a folder on another disk by --downloads."
        )
