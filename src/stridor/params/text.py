"""The text of params.yaml: read and replaced as it is, and what changes in it."""

import difflib

from stridor.common.atomic import atomic_file
from stridor.common.errors import StridorError
from stridor.params import PARAMS, read_params


def diff(before: str, after: str, context: int = 2) -> str:
    """Return what changes, in the form that git shows, with so many lines around."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{PARAMS}", f"b/{PARAMS}", n=context
    )
    return "".join(lines)


def read_text() -> str:
    """Return params.yaml as it is.

    Raises
    ------
    StridorError
        If it is missing.
    """
    try:
        return PARAMS.read_bytes().decode()
    except FileNotFoundError:
        raise StridorError(f"{PARAMS} is missing; run the command in the project's root.") from None


def write_text(text: str) -> None:
    """Replace params.yaml, after reading the new text back.

    Raises
    ------
    StridorError
        If the new text holds what parameters may not be.
    """
    with atomic_file(PARAMS) as temporary:
        temporary.write_bytes(text.encode())
        read_params(temporary)
