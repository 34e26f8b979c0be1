"""Digests of files."""

import hashlib
from pathlib import Path
from typing import Literal

Algorithm = Literal["md5", "sha256"]


def file_digest(path: Path, algorithm: Algorithm) -> str:
    """Return the digest of a file's content, read in blocks, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def file_md5(path: Path) -> str:
    """Return the MD5 of a file's content, as DVC and Zenodo name their files, as 32 hexadecimal digits."""
    return file_digest(path, "md5")
