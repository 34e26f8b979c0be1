"""What a user did wrong or what the machine refused, said in one sentence with exit code 2."""

import errno
import os
import select
import signal
import struct
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TextIO

from stridor.common.interrupts import stop_signals_as_exceptions
from stridor.common.text import printable, shortened

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


# A path may have 4,096 characters, but what is wrong with it stands at the end.
_LONGEST_SENTENCE = 2000


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

    def __init__(self, sentence: str) -> None:
        # It may quote what a file holds: line breaks, codes that steer a terminal, bytes that are not UTF-8.
        super().__init__(shortened(printable(sentence), _LONGEST_SENTENCE))


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn errors that a user can cause into one line on standard error and exit code 2.

    Failures of the operating system (a full disk, a folder without write permission) count as such, and so does a
    package that belongs to the extra `pipeline` and is not installed. Anything else is a defect of stridor and keeps
    its traceback. Ctrl-C, SIGTERM, and a reader of the output that has seen enough end the block without one, with the
    exit codes that shells have for them.
    """
    try:
        with stop_signals_as_exceptions():
            yield
            if sys.stdout is not None:
                sys.stdout.flush()
    except StridorError as error:
        fail(str(error))
    except KeyboardInterrupt:
        print("stridor: stopped; what was finished is kept.", file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT) from None
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in PIPELINE_MODULES:
            raise
        fail(
            f"{package} is not installed: this command needs the extra stridor[pipeline]; run "
            "pip install 'stridor[pipeline]'."
        )
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads(sys.stdout):
            _drop(sys.stdout)
            raise SystemExit(128 + signal.SIGPIPE) from None
        if error.strerror is None:
            raise
        where = f" ({error.filename})" if error.filename else ""
        fail(f"{error.strerror}{where}; {_advice(error)} and run the command again, nothing half-written was kept.")


def origins(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, then the one that it came of, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def need_extra(extra: str, *modules: str) -> None:
    """Refuse to go on without the packages of an extra.

    Parameters
    ----------
    extra : str
    modules : str
        Top-level modules that it brings.

    Raises
    ------
    StridorError
        If one is not installed.
    """
    for module in modules:
        if find_spec(module) is None:
            raise StridorError(
                f"{module} is not installed: this command needs the extra stridor[{extra}]; run "
                f"pip install 'stridor[{extra}]'."
            )


def _advice(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "allow this user to write there, or read it,"
    return "fix this"


def _nobody_reads(stream: TextIO | None) -> bool:
    """Tell whether a stream is a pipe whose reader has left, such as `head`."""
    if stream is None:
        return False
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (OSError, ValueError):
        return False


def _drop(stream: TextIO) -> None:
    """Send what a stream still holds nowhere, or Python would complain about it when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def fail(sentence: str) -> None:
    """Print one error line and leave with exit code 2."""
    print(f"stridor: {printable(sentence)}", file=sys.stderr)
    raise SystemExit(2)
