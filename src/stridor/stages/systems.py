"""The systems that are compared: the fine-tuned encoder and the baselines; `scorers` has what they compute."""

from typing import Final, Literal, get_args

from stridor.params import Params
from stridor.params.sections import NO_CHECKPOINT, Baseline

FINE_TUNED: Final = "fine_tuned"
System = Literal["fine_tuned"] | Baseline

# The systems that use a machine's autoencoder, with the score that they take; all others embed clips.
AUTOENCODERS: dict[System, Literal["mse", "mahalanobis"]] = {
    "autoencoder_mse": "mse", "autoencoder_mahalanobis": "mahalanobis",
}  # fmt: skip

NAMES: dict[System, str] = {
    "autoencoder_mse": "autoencoder, MSE",
    "autoencoder_mahalanobis": "autoencoder, Mahalanobis",
    "log_mel": "log-mel mean",
    "random": "random encoder",
    "frozen": "frozen encoder",
    "stage_one": "stage one only",
    "fine_tuned": "fine-tuned",
}


def systems_of(params: Params) -> tuple[System, ...]:
    """Return the systems to be scored, the fine-tuned one last.

    A system that equals another is omitted: the random encoder if the frozen one has random weights, and the encoder
    after stage one if training has only one stage.
    """
    same: set[System] = set()
    if "frozen" in params.baselines and params.encoder.checkpoint == NO_CHECKPOINT:
        same.add("random")
    if not (params.training.stage_one.epochs and params.training.stage_two.epochs):
        same.add("stage_one")
    return (*(one for one in get_args(Baseline) if one in params.baselines and one not in same), FINE_TUNED)


def embedding_systems_of(params: Params) -> tuple[System, ...]:
    """Return the systems that score by the distance to a reference bank."""
    return tuple(system for system in systems_of(params) if system not in AUTOENCODERS)
