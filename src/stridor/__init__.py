"""stridor learns what a machine sounds like when it is well and says when a new recording sounds wrong.

Everything below is imported when it is first used, so that `import stridor` itself takes no time.

>>> import stridor
>>> "Detector" in dir(stridor)
True
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if sys.argv[:1] == ["-m"] and any(one.startswith(("stridor.stages.", "stridor.experiments.")) for one in sys.orig_argv):
    # A stage imports torch for seconds, before it can end anything in order.
    from stridor.common.interrupts import block_stop_signals

    block_stop_signals()

if TYPE_CHECKING:
    from stridor.audio.files import read_clip
    from stridor.common.errors import StridorError
    from stridor.evaluation.measures import ScoredClips, measure
    from stridor.models.checkpoint import load_encoder
    from stridor.params.scoring_sections import BankParams, EmbeddingParams
    from stridor.scoring.bank import ReferenceBank
    from stridor.scoring.embedding import EncoderEmbedder
    from stridor.serving.detector import Detector, Verdict

    __version__: str

_MODULES = {
    "BankParams": "stridor.params.scoring_sections",
    "Detector": "stridor.serving.detector",
    "EmbeddingParams": "stridor.params.scoring_sections",
    "EncoderEmbedder": "stridor.scoring.embedding",
    "ReferenceBank": "stridor.scoring.bank",
    "ScoredClips": "stridor.evaluation.measures",
    "StridorError": "stridor.common.errors",
    "Verdict": "stridor.serving.detector",
    "load_encoder": "stridor.models.checkpoint",
    "measure": "stridor.evaluation.measures",
    "read_clip": "stridor.audio.files",
}

__all__ = [
    "BankParams", "Detector", "EmbeddingParams", "EncoderEmbedder", "ReferenceBank", "ScoredClips", "StridorError",
    "Verdict", "__version__", "load_encoder", "measure", "read_clip",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name == "__version__":
        value: object = _version()
    elif name in _MODULES:
        value = getattr(import_module(_MODULES[name]), name)
    else:
        raise AttributeError(f"module 'stridor' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("stridor")
    except PackageNotFoundError:
        # A registered detector brings its code along where stridor is not installed.
        return "unknown"
