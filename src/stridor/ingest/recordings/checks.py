"""What every layout of recordings asks of the folders it lies in."""

import re
from pathlib import Path
from typing import NoReturn

from stridor.common.errors import StridorError

# A machine's name becomes a folder, a key of params.yaml and part of a stage's name.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*", re.ASCII)


def visible(folder: Path) -> list[Path]:
    """Return what lies in a folder, in order of name, without hidden entries."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def machine_name(folder: Path) -> str:
    """Return the name that a machine's folder gives it.

    Raises
    ------
    StridorError
        If the name is not plain.
    """
    # "." has no name of its own, and a linked folder goes by the name of the link.
    machine = folder.name if folder.name not in ("", "..") else folder.resolve().name
    if not _PLAIN_NAME.fullmatch(machine):
        raise StridorError(
            f"{folder} has the machine name '{machine}'; rename it to letters, digits, _ and - only, not "
            "starting with -."
        )
    return machine


def stay_inside(path: Path, source: Path) -> None:
    """Refuse a link that leads out of the folder `source`, a resolved path: it could bring in any file."""
    if path.is_symlink() and not path.resolve().is_relative_to(source):
        raise StridorError(
            f"{path} is a link that leads out of the imported folder; copy the folder with the files that "
            "its links mean (cp -rL) and import the copy."
        )


def refuse(problems: list[tuple[str, str]], what: str, hint: str = "") -> NoReturn:
    """Raise the first of some problems.

    Parameters
    ----------
    problems : list of (file name, sentence), not empty
    what : str
        What the files are, in the plural.
    hint : str
        What could be done about all of them.

    Raises
    ------
    StridorError
        Always.
    """
    sentence = problems[0][1].rstrip(".")
    if others := [name for name, _ in problems[1:]]:
        shown = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        sentence += f"; {len(others)} more of the machine's {what} have problems too ({shown})"
    raise StridorError(f"{sentence}; {hint}." if hint else f"{sentence}.")
