"""The systems that are compared: the fine-tuned encoder and the baselines; `scorers` has what they compute."""

from typing import Final, Literal, get_args

from stridor.params import Params
from stridor.params.scoring_sections import OWN_LAYER, BankParams, EmbeddingParams, views_of
from stridor.params.sections import NO_CHECKPOINT, Baseline

FINE_TUNED: Final = "fine_tuned"
JOINED: Final = "joined"
System = Literal["fine_tuned", "joined"] | Baseline

# The systems that use a machine's autoencoder, with the score that they take; all others embed clips.
AUTOENCODERS: dict[System, Literal["mse", "mahalanobis"]] = {
    "autoencoder_mse": "mse", "autoencoder_mahalanobis": "mahalanobis",
}  # fmt: skip

NAMES: dict[System, str] = {
    "autoencoder_mse": "autoencoder, MSE",
    "autoencoder_mahalanobis": "autoencoder, Mahalanobis",
    "log_mel": "log-mel mean",
    "log_mel_mahalanobis": "log-mel Mahalanobis",
    "tagger": "audio tagger",
    "random": "random encoder",
    "frozen": "frozen encoder",
    "stage_one": "stage one only",
    "fine_tuned": "fine-tuned",
    "joined": "joined views",
}


def systems_of(params: Params) -> tuple[System, ...]:
    """Return the systems to be scored, the fine-tuned one and what is joined from several views last.

    A system that equals another is omitted: the random encoder if the frozen one has random weights, and the encoder
    after stage one if training has only one stage. So is the audio tagger where there is none.
    """
    omitted: set[System] = set()
    if params.tagger.checkpoint == NO_CHECKPOINT:
        omitted.add("tagger")
    if "frozen" in params.baselines and params.encoder.checkpoint == NO_CHECKPOINT:
        omitted.add("random")
    if not (params.training.stage_one.epochs and params.training.stage_two.epochs):
        omitted.add("stage_one")
    baselines = [one for one in get_args(Baseline) if one in params.baselines and one not in omitted]
    return (*baselines, FINE_TUNED, *([JOINED] if params.bank.views else []))


def detector_system(params: Params) -> System:
    """Return the system that the detector is: the joined views where there are any, else the fine-tuned encoder."""
    return JOINED if params.bank.views else FINE_TUNED


def trained_system(params: Params) -> System:
    """Return the system that shows what training gives, by which trainings are compared and tuned.

    It is the detector, where one of its views is the fine-tuned encoder, and otherwise that encoder alone.
    """
    heard = any(view.encoder == FINE_TUNED for view in params.bank.views)
    return JOINED if heard else FINE_TUNED


def judged_by_training(params: Params) -> Params:
    """Return parameters whose detector is the system of `trained_system`."""
    return params.replaced({"bank.views": []}) if trained_system(params) == FINE_TUNED else params


def embedding_systems_of(params: Params) -> tuple[System, ...]:
    """Return the systems that score by the distance to a reference bank."""
    return tuple(system for system in systems_of(params) if system not in AUTOENCODERS)


def scoring_of(system: System, params: Params) -> tuple[EmbeddingParams, BankParams]:
    """Return how the tokens of a system are pooled and its clips compared with the references.

    log_mel_mahalanobis is one fixed rule, the whitened distance of the 5, 50 and 95 % quantiles over time of each mel
    band to the nearest normal clip; all others score as `embedding` and `bank` say, the tagger by its last layer.
    """
    if system == JOINED:
        return params.embedding, params.bank
    if system != "log_mel_mahalanobis":
        layer = OWN_LAYER.get(system, params.embedding.layer)
        return params.embedding.model_copy(update={"layer": layer}), params.bank.model_copy(update={"views": ()})
    shared = {name: getattr(params.bank, name) for name in ("shrinkage", "threshold_percentile")}
    return EmbeddingParams(layer=0, pooling="quantiles"), BankParams(metric="whitened", **shared)


def views_of_system(system: System, params: Params) -> tuple[tuple[str, EmbeddingParams], ...]:
    """Return the encoders, by their names, that a system pools the tokens of, and how; of most systems one, its own."""
    embedding, bank = scoring_of(system, params)
    if bank.views:
        return views_of(embedding, bank)
    return (("log_mel" if system == "log_mel_mahalanobis" else system, embedding),)
