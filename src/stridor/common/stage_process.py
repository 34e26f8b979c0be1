"""The frame of every script that DVC runs: errors in one sentence, requests to stop, and a caller that is gone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stridor.common.dvc_lock_file import keep_lock_files
from stridor.common.errors import StridorError, one_sentence
from stridor.common.interrupts import unblock_stop_signals
from stridor.common.processes import callers, end_with
from stridor.common.project import check_code

_INTERRUPTED = 130


@contextmanager
def stage_process() -> Iterator[None]:
    """Run the block as a stage.

    Started by DVC, it ends with DVC: otherwise a second `dvc repro` would start it once more beside itself.

    Raises
    ------
    SystemExit
        If the user can fix an error, or has asked to stop.
    """
    try:
        unblock_stop_signals()
        with one_sentence():
            if "DVC_STAGE" in os.environ:
                if not (waiting := callers()):
                    raise KeyboardInterrupt  # DVC has ended while Python was starting
                end_with(waiting)
                with suppress(OSError):  # a precaution, for which the stage does not end
                    keep_lock_files(Path())
            check_code()
            check_no_import(Path())
            yield
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None


def check_no_import(root: Path) -> None:
    """Refuse to work on what an import has half changed, before DVC records it.

    Parameters
    ----------
    root : Path
        The project.

    Raises
    ------
    StridorError
        If an import is running, or was cut off and not undone.
    """
    if any(root.glob(".data.unfinished-*/journal.json")):
        raise StridorError(
            "An import into data/ is running or was cut off; wait until it has ended, or, if nothing runs, undo it "
            "with 'stridor data ready', and run the command again."
        )
