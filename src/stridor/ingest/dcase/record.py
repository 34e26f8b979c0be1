"""What a Zenodo record holds; the only place where the addresses of records and files are made."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from stridor.common.errors import StridorError
from stridor.common.http import USUAL, StoppableRetry, read_json

ZENODO = "https://zenodo.org"

MD5 = re.compile(r"[0-9a-f]{32}")


def record_url(site: str, record: str) -> str:
    """Return where a record describes itself and its files, as JSON."""
    return f"{site}/api/records/{record}"


def file_url(site: str, record: str, name: str) -> str:
    """Return where a file of a record lies."""
    return f"{site}/records/{record}/files/{quote(name, safe='')}?download=1"


@dataclass(frozen=True)
class RecordFile:
    """A file of a record; `md5` in hexadecimal digits."""

    record: str
    name: str
    bytes: int
    md5: str


def read_record(site: str, record: str, retry: StoppableRetry = USUAL) -> dict[str, RecordFile]:
    """Ask a record for its files, by their names.

    Parameters
    ----------
    site : str
        `ZENODO`, or a server with the same addresses.

    Raises
    ------
    StridorError
        If the record does not answer, or not in the form that Zenodo's records have.
    """
    url = record_url(site, record)
    said: Any = read_json(url, retry)
    try:
        files = [_read_file(record, entry) for entry in said["files"]]
    except (KeyError, TypeError, ValueError) as error:
        raise StridorError(
            f"{url} does not describe its files as Zenodo does ({error}); look at the record in a browser, and if "
            "Zenodo has changed, fetch and unpack the files by hand and use 'stridor data import'."
        ) from None
    return {file.name: file for file in files}


def newest_revision(names: list[str], stem: str) -> str | None:
    """Return the archive `<stem>.zip` or, where there is one, its correction `<stem>_r<number>.zip`."""
    pattern = re.compile(re.escape(stem) + r"(?:_r(\d{1,9}))?\.zip")
    found = [(int(match[1] or 1), name) for name in names if (match := pattern.fullmatch(name))]
    return max(found)[1] if found else None


def _read_file(record: str, entry: dict) -> RecordFile:
    kind, _, md5 = str(entry["checksum"]).partition(":")
    if kind != "md5" or not MD5.fullmatch(md5):
        raise ValueError(f"the checksum of {entry['key']} is not an MD5")
    size = entry["size"]
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"the size of {entry['key']} is not a number of bytes")
    return RecordFile(record, str(entry["key"]), size, md5)
