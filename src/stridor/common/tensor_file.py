"""Files of tensors, read without running anything that they hold."""

import pickle
import warnings
from pathlib import Path

import torch

from stridor.common.errors import DAMAGED, StridorError


def read_tensor_file(path: str | Path, what: str, missing: str, damaged: str) -> object:
    """Read what `torch.save` wrote, if it is nothing but tensors, numbers and texts.

    Parameters
    ----------
    path : str or Path
    what : str
        What the file should be, "an encoder checkpoint", for messages.
    missing, damaged : str
        What to do if there is no such file, or if it is not that.

    Raises
    ------
    StridorError
        If the file is missing, damaged, or holds other objects.
    """
    try:
        with warnings.catch_warnings():
            # Of old and unusual forms, which are refused below or hold what they should.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise StridorError(f"{path} is missing; {missing}.") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise StridorError(f"{path} cannot be read ({reason}); give the path of a file.") from None
    except pickle.UnpicklingError:
        # PyTorch's own text advises to load such a file with code and all.
        raise StridorError(
            f"{path} is not {what}, or holds objects besides tensors, which are never loaded; {damaged}."
        ) from None
    except DAMAGED as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise StridorError(f"{path} is not {what} ({reason}); {damaged}.") from None
