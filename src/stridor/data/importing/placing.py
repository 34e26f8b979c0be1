"""Putting checked machines into data/ and telling DVC, all of it or nothing."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stridor.data.importing.checking import CheckedMachine
from stridor.errors import StridorError
from stridor.whole import sweep_unfinished


@contextmanager
def placed(machines: tuple[CheckedMachine, ...], data: Path, *, link: bool, fresh: bool) -> Iterator[None]:
    """Put machines into `data` for good if the block ends well, and put the old state back if it does not.

    Parameters
    ----------
    machines : tuple of CheckedMachine
        A machine of the same name that is already there is replaced.
    link : bool
        Hard links instead of copies.
    fresh : bool
        `data` holds nothing but these machines afterwards.

    Raises
    ------
    StridorError
        If files cannot be linked.
    """
    sweep_unfinished(data)
    # Beside data/, so that every move is a rename within one file system.
    beside = Path(tempfile.mkdtemp(prefix=f".{data.name}.unfinished-", dir=data.parent))
    new, old = beside / "new", beside / "old"
    old.mkdir()
    moves: list[tuple[Path, Path]] = []

    def move(here: Path, there: Path) -> None:
        here.rename(there)
        moves.append((here, there))

    try:
        for machine in machines:
            _bring(machine, new / machine.machine, link)
        if fresh or not data.exists():
            if data.exists():
                move(data, old / data.name)
            move(new, data)
        else:
            for machine in machines:
                place = data / machine.machine
                if place.exists():
                    move(place, old / machine.machine)
                move(new / machine.machine, place)
        yield
    except BaseException:
        for here, there in reversed(moves):
            there.rename(here)
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def restored_on_failure(*files: Path) -> Iterator[None]:
    """Give files their old content back if the block fails."""
    before = {file: file.read_bytes() if file.exists() else None for file in files}
    try:
        yield
    except BaseException:
        for file, content in before.items():
            if content is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(content)
        raise


def track(data: Path) -> None:
    """Have DVC take `data` into its cache and write its hash to `data.dvc`.

    Raises
    ------
    StridorError
        With DVC's own reason, if it refuses.
    """
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "add", data.name, "-q"],
        cwd=data.parent,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it gave no reason"]
        reason = next((line for line in said if line.startswith("ERROR")), said[-1])
        raise StridorError(
            f"'dvc add {data.name}' failed ({reason.removeprefix('ERROR:').strip().rstrip('.')}); nothing "
            "was changed, mend it and run the command again."
        )


def _bring(machine: CheckedMachine, folder: Path, link: bool) -> None:
    for path, place in machine.files:
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if not link:
            shutil.copyfile(path, target)
            continue
        try:
            os.link(path.resolve(), target)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
                raise
            raise StridorError(
                f"{path} cannot be hard-linked into {folder.name} ({error.strerror}); import without linking."
            ) from None
    with suppress(OSError):
        folder.chmod(0o755)
