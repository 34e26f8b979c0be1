"""Many problems said in one sentence: the first in full, the others counted."""

from typing import NoReturn

from stridor.errors import StridorError


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
