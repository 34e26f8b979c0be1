"""What a user did wrong or what the machine refused, said in one sentence with exit code 2."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class StridorError(Exception):
    """One sentence that names the file or parameter, says what was expected and what to do."""


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn errors that a user can cause into one line on standard error and exit code 2.

    Failures of the operating system (a full disk, a folder without write permission) count as such;
    anything else is a defect of stridor and keeps its traceback.
    """
    try:
        yield
    except StridorError as error:
        fail(str(error))
    except OSError as error:
        if error.strerror is None:
            raise
        where = f" ({error.filename})" if error.filename else ""
        fail(
            f"{error.strerror}{where}; nothing half-written was kept, free the space or mend the permission "
            "and run the command again."
        )


def fail(sentence: str) -> None:
    """Print one error line and leave with exit code 2."""
    print(f"stridor: {sentence}", file=sys.stderr)
    raise SystemExit(2)
