"""Encoder weights on disk, in the published BEATs format {"cfg": dict, "model": state_dict}, and whose they are."""

import pickle
from pathlib import Path

import torch

from stridor.common.errors import StridorError
from stridor.common.saving import save_tensors
from stridor.models.beats import Beats, random_beats
from stridor.models.config import PRESETS
from stridor.models.encoder import Encoder
from stridor.models.log_mel import LogMelPatches
from stridor.params.sections import NO_CHECKPOINT, EncoderParams

# By the entry "family" of a checkpoint's cfg. Published files have none and are BEATs.
FAMILIES: dict[str, type[Encoder]] = {one.family: one for one in (Beats, LogMelPatches)}


def initial_encoder(params: EncoderParams, seed: int) -> Encoder:
    """Return the encoder that fine-tuning starts from.

    Raises
    ------
    StridorError
        If the checkpoint is missing or does not fit.
    """
    if params.checkpoint == NO_CHECKPOINT:
        if params.preset == LogMelPatches.family:
            return LogMelPatches()
        return random_beats(PRESETS[params.preset], seed)
    return load_encoder(Path(params.checkpoint))


def load_encoder(path: str | Path) -> Encoder:
    """Load an encoder, half-precision files included, into float32 and evaluation mode.

    Raises
    ------
    StridorError
        If the file is missing or not a checkpoint, its family is unknown, or its keys or shapes differ from what its
        cfg describes.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from stridor import load_encoder
    >>> from stridor.models.checkpoint import save_encoder
    >>> from stridor.models.log_mel import LogMelPatches
    >>> with TemporaryDirectory() as folder:
    ...     save_encoder(LogMelPatches(), Path(folder, "encoder.pt"))
    ...     load_encoder(Path(folder, "encoder.pt")).width
    16
    """
    checkpoint = _read(path)
    if not isinstance(checkpoint, dict) or not all(isinstance(checkpoint.get(key), dict) for key in ("cfg", "model")):
        raise StridorError(f"{path} is not an encoder checkpoint; expected a file with the entries 'cfg' and 'model'.")
    family = str(checkpoint["cfg"].get("family", Beats.family))
    if family not in FAMILIES:
        raise StridorError(f"{path} holds an encoder of the family '{family}', but only {', '.join(FAMILIES)} are "
                           "known; use the version of stridor that wrote it.")  # fmt: skip
    model = FAMILIES[family].from_cfg(checkpoint["cfg"])
    weights = checkpoint["model"]
    expected = model.state_dict()
    if missing := sorted(expected.keys() - weights.keys()):
        raise StridorError(f"{path} lacks {len(missing)} tensors that its cfg asks for, first '{missing[0]}'; "
                           "it is damaged or belongs to another architecture.")  # fmt: skip
    if unknown := sorted(weights.keys() - expected.keys()):
        raise StridorError(f"{path} holds {len(unknown)} tensors that its cfg does not ask for, first '{unknown[0]}'; "
                           "it belongs to another architecture.")  # fmt: skip
    for name, tensor in expected.items():
        if tensor.shape != weights[name].shape:
            raise StridorError(f"{path}: tensor '{name}' has the shape {tuple(weights[name].shape)}, its cfg asks for "
                               f"{tuple(tensor.shape)}; it belongs to another architecture.")  # fmt: skip
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return model.eval()


def save_encoder(model: Encoder, path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write an encoder's weights; in half precision the file is half as large, and loads into float32 all the same."""
    state = {name: tensor.detach().to("cpu", dtype) for name, tensor in model.state_dict().items()}
    save_tensors({"cfg": model.to_cfg(), "model": state}, path)


def _read(path: str | Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise StridorError(
            f"The checkpoint {path} is missing; put the file there, or set encoder.checkpoint in params.yaml to the "
            f"path of the file (or to {NO_CHECKPOINT} for what encoder.preset says)."
        ) from None
    except pickle.UnpicklingError:
        # PyTorch's own text advises to load such a file with code and all.
        raise StridorError(
            f"{path} is not a PyTorch checkpoint, or holds objects besides tensors, which are never loaded; get the "
            "file again from a source that you trust."
        ) from None
    except (RuntimeError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StridorError(f"{path} cannot be read as a PyTorch checkpoint ({reason}); download it again.") from None
