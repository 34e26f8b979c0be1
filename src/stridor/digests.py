"""Digests by which a file's content is known again."""

import hashlib
from pathlib import Path


def file_md5(path: Path) -> str:
    """Return the MD5 of a file's content, read in blocks, as 32 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
