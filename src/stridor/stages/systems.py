"""The systems that are compared: the fine-tuned encoder and the baselines."""

from collections.abc import Iterable
from typing import Final, Literal, get_args

from stridor.baselines.machine import AutoencoderScorer, MachineAutoencoder, Score
from stridor.common.compute import device_for
from stridor.models.checkpoint import initial_encoder, load_encoder
from stridor.models.encoder import Encoder
from stridor.models.log_mel import LogMelPatches
from stridor.params import Params
from stridor.params.scoring_sections import BankParams, EmbeddingParams, ViewEncoder, views_of
from stridor.params.sections import Baseline
from stridor.scoring.embedding import Embedder, EncoderEmbedder, LogMelEmbedder
from stridor.scoring.reference import MachineReference, NearestNormal, Scorer
from stridor.scoring.views import detector_embedder
from stridor.stages.layout import Layout

FINE_TUNED: Final = "fine_tuned"
JOINED: Final = "joined"
System = Literal["fine_tuned", "joined"] | Baseline

# The systems that use a machine's autoencoder, with the score that they take; all others embed clips.
AUTOENCODERS: dict[System, Score] = {"autoencoder_mse": "mse", "autoencoder_mahalanobis": "mahalanobis"}

NAMES: dict[System, str] = {
    "autoencoder_mse": "autoencoder, MSE",
    "autoencoder_mahalanobis": "autoencoder, Mahalanobis",
    "log_mel": "log-mel mean",
    "log_mel_mahalanobis": "log-mel Mahalanobis",
    "random": "random encoder",
    "frozen": "frozen encoder",
    "stage_one": "stage one only",
    "fine_tuned": "fine-tuned",
    "joined": "joined views",
}


def systems_of(params: Params) -> tuple[System, ...]:
    """Return the systems to be scored, the fine-tuned one and what is joined from several views last.

    A system that equals another is omitted: the random encoder if the frozen one has random weights, and the encoder
    after stage one if training has only one stage.
    """
    same: set[System] = set()
    if "frozen" in params.baselines and params.encoder.checkpoint == "none":
        same.add("random")
    if not (params.training.stage_one.epochs and params.training.stage_two.epochs):
        same.add("stage_one")
    baselines = [one for one in get_args(Baseline) if one in params.baselines and one not in same]
    return (*baselines, FINE_TUNED, *([JOINED] if params.bank.views else []))


def detector_system(params: Params) -> System:
    """Return the system that the detector is: the joined views where there are any, else the fine-tuned encoder."""
    return JOINED if params.bank.views else FINE_TUNED


def embedding_systems_of(params: Params) -> tuple[System, ...]:
    """Return the systems that score by the distance to a reference bank."""
    return tuple(system for system in systems_of(params) if system not in AUTOENCODERS)


def scorers(system: System, machines: Iterable[str], layout: Layout, params: Params) -> dict[str, Scorer]:
    """Return a scorer for each machine, from the files of the stages `index` and `autoencoder`.

    Raises
    ------
    StridorError
        If a file of the system is missing or does not fit.
    """
    if kind := AUTOENCODERS.get(system):
        device = device_for(params.compute.accelerator)
        fitted = {machine: MachineAutoencoder.load(layout.autoencoders / machine, device) for machine in machines}
        return {machine: AutoencoderScorer(one, kind) for machine, one in fitted.items()}
    embedder = make_embedder(system, layout, params)
    banks = layout.banks / system
    return {machine: NearestNormal(embedder, MachineReference.load(banks / machine)) for machine in machines}


def make_embedder(system: System, layout: Layout, params: Params) -> Embedder:
    """Return the embedder of a system that scores by embeddings.

    log_mel: the mean log-mel spectrum; log_mel_mahalanobis: quantiles of it over time; random: the encoder's
    architecture with random weights; frozen: the encoder before training; stage_one: the encoder after the first stage;
    fine_tuned: the encoder after both stages; joined: the views of `bank.views`.

    Raises
    ------
    StridorError
        If a checkpoint is missing or does not fit.
    """
    device = device_for(params.compute.accelerator)
    if system == "log_mel":
        return LogMelEmbedder(device)
    way, bank = scoring_of(system, params)
    if bank.views:
        return make_detector_embedder(encoder_of(FINE_TUNED, layout, params), params)
    return EncoderEmbedder(encoder_of(system, layout, params), way, device)


def make_detector_embedder(encoder: Encoder, params: Params) -> Embedder:
    """Return the embedder of a detector with this fine-tuned encoder, of one view or of several."""
    encoders: dict[ViewEncoder, Encoder] = {"fine_tuned": encoder}
    views = views_of(params.embedding, params.bank)
    if any(name == "frozen" for name, _ in views):
        encoders["frozen"] = initial_encoder(params.encoder, params.seed)
    return detector_embedder(views, encoders, device_for(params.compute.accelerator))


def scoring_of(system: System, params: Params) -> tuple[EmbeddingParams, BankParams]:
    """Return how the tokens of a system are pooled and its clips compared with the references.

    log_mel_mahalanobis is one fixed rule, the whitened distance of the 5, 50 and 95 % quantiles over time of each mel
    band to the nearest normal clip; all others score as `embedding` and `bank` say.
    """
    if system == JOINED:
        return params.embedding, params.bank
    if system != "log_mel_mahalanobis":
        return params.embedding, params.bank.model_copy(update={"views": ()})
    shared = {name: getattr(params.bank, name) for name in ("shrinkage", "threshold_percentile")}
    return EmbeddingParams(layer=0, pooling="quantiles"), BankParams(metric="whitened", **shared)


def encoder_of(system: System, layout: Layout, params: Params) -> Encoder:
    """Return the encoder of a system that has one, as for `make_embedder`."""
    if system == "log_mel_mahalanobis":
        return LogMelPatches(frames=1)
    if system in (FINE_TUNED, "stage_one"):
        return load_encoder(layout.encoder if system == FINE_TUNED else layout.stage_one)
    encoder = initial_encoder(params.encoder, params.seed)
    return encoder.with_random_weights(params.seed) if system == "random" else encoder
