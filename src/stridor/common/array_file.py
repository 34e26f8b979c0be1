"""Files of one array, read without running anything that they hold."""

import tokenize
from pathlib import Path

import numpy as np


def read_array(path: str | Path) -> np.ndarray:
    """Read what `numpy.save` wrote, if it is nothing but numbers.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is damaged, an archive, or holds Python objects; the message does not name it.
    """
    with open(path, "rb") as file:
        # Not numpy.load: its text on objects advises to unpickle them, and it takes archives too.
        if file.read(6) != b"\x93NUMPY":
            raise ValueError("it does not begin as a file of NumPy does")
        file.seek(0)
        try:
            array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False, max_header_size=1000)
        except (ValueError, TypeError, LookupError, SyntaxError, OverflowError, MemoryError, EOFError, RecursionError,
                tokenize.TokenError) as error:  # fmt: skip
            if "pickle" in str(error):
                raise ValueError("it holds objects, which are never loaded") from None
            raise ValueError(" ".join(str(error).split())[:200] or type(error).__name__) from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"it holds {array.dtype} instead of numbers")
    return array
