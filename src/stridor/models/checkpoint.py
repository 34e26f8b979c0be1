"""Encoder weights on disk, in the published BEATs format {"cfg": dict, "model": state_dict}, and whose they are."""

from pathlib import Path
from typing import cast

import torch

from stridor.common.errors import StridorError
from stridor.common.saving import save_tensors
from stridor.common.tensor_file import read_tensor_file
from stridor.models.beats import Beats, random_beats
from stridor.models.config import PRESETS
from stridor.models.encoder import Encoder
from stridor.models.log_mel import LogMelPatches
from stridor.models.mn04 import Mn04, from_published, is_published
from stridor.models.side import PLAIN_FAMILIES, SideTuned
from stridor.models.weights import NoInitialValues, check_weights
from stridor.params.sections import NO_CHECKPOINT, EncoderParams, TaggerParams

# By the entry "family" of a checkpoint's cfg. Published files of BEATs have none, that of mn04 has no cfg at all.
FAMILIES: dict[str, type[Encoder]] = {**PLAIN_FAMILIES, SideTuned.family: SideTuned}
_MISSING = (
    "put the file there, or set encoder.checkpoint in params.yaml to the path of the file (or to "
    f"{NO_CHECKPOINT} for what encoder.preset says)"
)
_DAMAGED = "get the file again from a source that you trust"


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


def load_tagger(params: TaggerParams) -> Encoder:
    """Return the second encoder, which is used as it is.

    Raises
    ------
    StridorError
        If there is none, or its checkpoint is missing or does not fit.
    """
    if not Path(params.checkpoint).is_file() or params.checkpoint == NO_CHECKPOINT:
        raise StridorError(
            f"{params.checkpoint} is not the file of an encoder; put one there, or set tagger.checkpoint in "
            "params.yaml to the path of one."
        )
    return load_encoder(Path(params.checkpoint))


def load_encoder(path: str | Path) -> Encoder:
    """Load an encoder, half-precision files included, into float32 and evaluation mode.

    The file is one that stridor wrote, a published one of BEATs, or that of mn04.

    Raises
    ------
    StridorError
        If the file is missing or not a checkpoint, its family is unknown, its cfg is impossible, its keys or shapes
        differ from what its cfg describes, or a value is none of a network.

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
    checkpoint = read_tensor_file(path, "a PyTorch checkpoint", _MISSING, _DAMAGED)
    if is_published(checkpoint):
        checkpoint = {"cfg": {"family": Mn04.family}, "model": from_published(cast(dict, checkpoint), path)}
    if not isinstance(checkpoint, dict) or not all(isinstance(checkpoint.get(key), dict) for key in ("cfg", "model")):
        raise StridorError(f"{path} is not an encoder checkpoint; expected a file with the entries 'cfg' and 'model'.")
    cfg, weights = checkpoint["cfg"], checkpoint["model"]
    family = str(cfg.get("family", Beats.family))
    if family not in FAMILIES:
        raise StridorError(f"{path} holds an encoder of the family '{family[:50]}', but only {', '.join(FAMILIES)} "
                           "are known; use the version of stridor that wrote it.")  # fmt: skip
    try:
        # Without memory for its values first, since a cfg may ask for any size.
        with torch.device("meta"), NoInitialValues():
            expected = FAMILIES[family].from_cfg(cfg).state_dict()
    except StridorError as error:
        raise StridorError(f"{path}: {error}") from None
    check_weights(weights, expected, path)
    model = FAMILIES[family].from_cfg(cfg)
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return model.eval()


def save_encoder(model: Encoder, path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write an encoder's weights; in half precision the file is half as large, and loads into float32 all the same."""
    state = {name: tensor.detach().to("cpu", dtype) for name, tensor in model.state_dict().items()}
    save_tensors({"cfg": model.to_cfg(), "model": state}, path)
