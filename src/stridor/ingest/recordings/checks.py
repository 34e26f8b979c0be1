"""What every layout of recordings asks of the folders it lies in."""

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from stridor.common.errors import StridorError
from stridor.common.text import printable
from stridor.params.names import RULE, is_plain_name


def machine_name(folder: Path) -> str:
    """Return the name that a machine's folder gives it.

    Raises
    ------
    StridorError
        If it does not follow the rule for names.
    """
    # "." has no name of its own, and a linked folder goes by the name of the link.
    machine = folder.name if folder.name not in ("", "..") else folder.resolve().name
    return check_machine_name(machine, folder)


def check_machine_name(name: str, folder: Path) -> str:
    """Return a machine's name that follows the rule for names.

    Raises
    ------
    StridorError
        If it does not.
    """
    # The caches of Python are no data to git and DVC.
    if not is_plain_name(name) or name == "__pycache__":
        raise StridorError(f"{printable(folder)} has the machine name '{printable(name)}'; rename the folder ({RULE}).")
    return name


def distinct_machines(names: Mapping[Path, str]) -> None:
    """Refuse machines whose folders in data/ are the same on some file systems.

    Raises
    ------
    StridorError
        If the names of two differ only in the case of letters, or not at all.
    """
    first: dict[str, Path] = {}
    for folder, name in names.items():
        other = first.setdefault(name.casefold(), folder)
        if other != folder:
            raise StridorError(
                f"{printable(other)} and {printable(folder)} would be the machines '{names[other]}' and '{name}', "
                "which share a folder where case does not count; rename one of them."
            )


def stay_inside(path: Path, source: Path) -> None:
    """Refuse a link that leads out of the folder `source`, a resolved path: it could bring in any file."""
    if path.is_symlink() and not path.resolve().is_relative_to(source):
        raise StridorError(
            f"{printable(path)} is a link that leads out of the imported folder; copy the folder with the files that "
            "its links point to (cp -rL) and import the copy."
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
