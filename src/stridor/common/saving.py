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

    with _refusing_half_files(path):
        torch.save(values, path)


def save_array(values: "np.ndarray", path: Path) -> None:
    """Write what `numpy.load` reads; see `save_tensors` for the error."""
    import numpy as np

    with _refusing_half_files(path):
        np.save(path, values)


@contextmanager
def _refusing_half_files(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        # Neither gives the reason of the operating system: PyTorch names its own code, and NumPy counts what was
        # written and does not ask why it is too little.
        by_torch = any(name in str(error) for name in ("inline_container", "PytorchStreamWriter"))
        by_numpy = isinstance(error, OSError) and error.errno is None
        if not by_torch and not by_numpy:
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
