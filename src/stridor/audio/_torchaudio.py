"""The one place that imports torchaudio, because its compiled extension may not fit the installed torch.

The wheels of the package index are CUDA builds: next to a CPU-only torch their extension fails to load. The parts of
torchaudio that stridor uses are pure Python, so the extension is then replaced by an empty stub.
"""

import importlib
import sys
from types import ModuleType

__all__ = ["torchaudio"]


def import_torchaudio() -> ModuleType:
    """Import torchaudio, without its compiled extension if that does not load.

    Raises
    ------
    ImportError
        If torchaudio is not installed, or fails to import for a reason other than its extension.
    """
    try:
        return importlib.import_module("torchaudio")
    except OSError:
        # A failed import leaves submodules behind that remember the broken state.
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules["torchaudio._extension"] = _empty_extension()
        return importlib.import_module("torchaudio")


def _empty_extension() -> ModuleType:
    extension = ModuleType("torchaudio._extension")
    vars(extension).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _load_lib=lambda name: False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=lambda function: function,
    )
    return extension


torchaudio = import_torchaudio()
