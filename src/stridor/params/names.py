"""The one rule for names of detectors and machines, which become folders, keys of params.yaml and parts of commands."""

import re
from collections.abc import Iterable

LONGEST_NAME = 100
RULE = f"use 1 to {LONGEST_NAME} of the letters A to Z and a to z, digits, _ and -, not starting with -"
_PLAIN = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_-]{{0,{LONGEST_NAME - 1}}}", re.ASCII)


def is_plain_name(name: str) -> bool:
    """Tell whether a detector or a machine may be called this."""
    return _PLAIN.fullmatch(name) is not None


def check_name(name: str) -> str:
    """Return a name that follows the rule.

    Raises
    ------
    ValueError
        If it does not; such a name could lead out of the project, or into a shell.
    """
    if not is_plain_name(name):
        raise ValueError(f"this is not a name for a folder and a stage; {RULE}")
    return name


def check_distinct(names: Iterable[str]) -> None:
    """Refuse names that are one folder on some file systems.

    Raises
    ------
    ValueError
        If two names differ in nothing, or only in the case of letters.
    """
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.get(name.casefold())) is not None:
            raise ValueError(f"'{other}' and '{name}' would share a folder; rename or remove one of them")
        seen[name.casefold()] = name
