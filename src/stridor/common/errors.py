"""What a user did wrong or what the machine refused, said in one sentence with exit code 2."""

import struct
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from stridor.common.text import printable

# Top-level modules of what the extra `pipeline` installs, and of what MLflow needs for a store in a database.
PIPELINE_MODULES = frozenset({
    "alembic", "dvc", "filelock", "lightning_fabric", "matplotlib", "mlflow", "optuna", "requests", "sqlalchemy",
    "threadpoolctl", "tqdm",
})  # fmt: skip
# What readers of files (json, numpy, torch) raise for damaged bytes, depending on where these are.
DAMAGED = (
    RuntimeError, EOFError, ValueError, TypeError, LookupError, AttributeError, AssertionError, OverflowError,
    MemoryError, ImportError, struct.error, zipfile.BadZipFile,
)  # fmt: skip


class StridorError(Exception):
    """One sentence that names the file or parameter, says what was expected and what to do.

    Examples
    --------
    >>> import stridor
    >>> try:
    ...     stridor.read_clip("new.wav")
    ... except stridor.StridorError as error:
    ...     print(error)
    new.wav is missing; give the path of an audio file.
    """


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn errors that a user can cause into one line on standard error and exit code 2.

    Failures of the operating system (a full disk, a folder without write permission) count as such, and so does a
    package that belongs to the extra `pipeline` and is not installed. Anything else is a defect of stridor and keeps
    its traceback.
    """
    try:
        yield
    except StridorError as error:
        fail(str(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in PIPELINE_MODULES:
            raise
        fail(
            f"{package} is not installed: this command needs the extra stridor[pipeline]; run "
            "pip install 'stridor[pipeline]'."
        )
    except OSError as error:
        if error.strerror is None:
            raise
        where = f" ({error.filename})" if error.filename else ""
        fail(
            f"{error.strerror}{where}; nothing half-written was kept, free the space or correct the permissions "
            "and run the command again."
        )


def fail(sentence: str) -> None:
    """Print one error line and leave with exit code 2."""
    print(f"stridor: {printable(sentence)}", file=sys.stderr)
    raise SystemExit(2)
