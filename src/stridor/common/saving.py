"""Tensors, arrays and sounds written to files, with one kind of error where a disk is full."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stridor.common.errors import StridorError

if TYPE_CHECKING:
    import numpy as np


class NotWrittenError(StridorError):
    """A file could not be written whole."""


def save_tensors(values: object, path: Path) -> None:
    """Write what `torch.load` reads.

    Raises
    ------
    StridorError
        If the file could not be written whole.
    """
    import torch

    try:
        torch.save(values, path)
    except RuntimeError as error:
        # So PyTorch reports a write that failed, without the reason of the operating system.
        if "inline_container" not in str(error) and "PytorchStreamWriter" not in str(error):
            raise
        raise _not_whole(path) from error


def save_array(values: "np.ndarray", path: Path) -> None:
    """Write what `numpy.load` reads.

    Raises
    ------
    StridorError
        If the file could not be written whole.
    """
    import numpy as np

    try:
        np.save(path, values)
    except OSError as error:
        # NumPy counts what was written, and does not ask why it is too little.
        if error.errno is not None:
            raise
        raise _not_whole(path) from error


@contextmanager
def sound_written(path: Path) -> Iterator[None]:
    """Turn an error of libsndfile inside the block, which writes a sound file, into a sentence that says so.

    Raises
    ------
    StridorError
        If the file could not be written whole.
    """
    import soundfile

    try:
        yield
    except soundfile.SoundFileError as error:
        # It tells a full disk as "System error".
        raise _not_whole(path) from error


def _not_whole(path: Path) -> NotWrittenError:
    return NotWrittenError(f"{path} could not be written whole; free some space and run the command again.")
