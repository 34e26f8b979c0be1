"""Tensors, arrays and sounds written to files, with one kind of error where a disk is full."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

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

    with _refusing_half_files(path):
        torch.save(values, path)


def save_array(values: "np.ndarray", path: Path) -> None:
    """Write what `numpy.load` reads; see `save_tensors` for the error."""
    import numpy as np

    with _refusing_half_files(path), open(path, "wb") as file:
        # Into a file of the operating system NumPy writes by C, and does not notice a disk that is full at the end.
        np.save(cast("BinaryIO", _Writer(file.write)), values)


class _Writer:
    """What NumPy does not take for a file of the operating system."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self.write = write


@contextmanager
def _refusing_half_files(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        # PyTorch names its own code in the place of the operating system's reason.
        by_torch = any(name in str(error) for name in ("inline_container", "PytorchStreamWriter"))
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if not by_torch and not full:
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
