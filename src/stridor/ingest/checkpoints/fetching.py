"""Bringing a published checkpoint onto the disk, from the first source that gives the right file."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from stridor.common.atomic import atomic_file
from stridor.common.digests import file_digest
from stridor.common.download import fetch, partial_of
from stridor.common.errors import StridorError
from stridor.common.http import StoppableRetry
from stridor.ingest.checkpoints.published import Published

# Another source is tried rather than a dead one asked for long.
SHORT = StoppableRetry(total=2, backoff_max=10.0)


def fetch_checkpoint(
    wanted: Published,
    folder: Path,
    *,
    from_file: Path | None = None,
    print_line: Callable[[str], object] = lambda _: None,
    retry: StoppableRetry = SHORT,
) -> Path:
    """Put a checkpoint into a folder, unless it is there, and return its path; an interrupted download is resumed.

    Parameters
    ----------
    from_file : Path, optional
        A file got by hand, which is checked and copied instead of a download.
    print_line : callable
        Prints what happens.

    Raises
    ------
    StridorError
        If no source gives the file, or a file that is there is another one.
    """
    path = folder / wanted.file_name
    if path.exists():
        check(path, wanted)
        print_line(f"{path} is there, and is the published file.")
        return path
    if from_file is not None:
        check(from_file, wanted)
        with atomic_file(path) as temporary:
            shutil.copyfile(from_file, temporary)
        return path
    problems = []
    for source in wanted.sources:
        print_line(f"Asking {source} ({wanted.bytes / 1e6:.0f} MB) ...")
        try:
            _fetch(source, path, wanted, retry)
        except StridorError as error:
            problems.append(str(error))
            print_line(f"  {error}")
        else:
            return path
    raise StridorError(
        f"{_none_of(wanted.sources)} {wanted.file_name}: such links often die. Get the file in a "
        f"browser from {wanted.page} or from anybody who has it, then run 'stridor checkpoint fetch {wanted.name} "
        "--from FILE', which tells whether it is the right one."
    )


def _none_of(sources: Sequence[str]) -> str:
    return f"None of the {len(sources)} sources gives" if len(sources) > 1 else "Its only source does not give"


def _fetch(source: str, path: Path, wanted: Published, retry: StoppableRetry) -> None:
    partial = partial_of(path, wanted.sha256)
    start = partial.stat().st_size if partial.exists() else 0
    with tqdm(
        total=wanted.bytes, initial=start, desc=wanted.file_name, unit="B", unit_scale=True, leave=False, disable=None
    ) as bar:
        fetch(
            source, path, size=wanted.bytes, digest=wanted.sha256, algorithm="sha256", moved=bar.update,
            retry=retry,
        )  # fmt: skip


def check(path: Path, wanted: Published) -> None:
    """Refuse a file that is not the published one.

    Raises
    ------
    StridorError
        If it is missing, or its size or digest is another.
    """
    if not path.is_file():
        raise StridorError(f"{path} is not a file; give the path of the checkpoint that was downloaded by hand.")
    size = path.stat().st_size
    if size != wanted.bytes:
        raise StridorError(
            f"{path} has {size} bytes and {wanted.file_name} as published {wanted.bytes}; it is another file or cut "
            "off, move it away and get it again."
        )
    found = file_digest(path, "sha256")
    if found != wanted.sha256:
        raise StridorError(
            f"{path} has the SHA-256 {found} and {wanted.file_name} as published {wanted.sha256}; it is another file "
            "or damaged, move it away and get it again."
        )
