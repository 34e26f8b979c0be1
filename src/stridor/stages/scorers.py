"""The scorer and the embedder of each system that is compared."""

from collections.abc import Iterable

from stridor.baselines.machine import AutoencoderScorer, MachineAutoencoder
from stridor.common.compute import device_for
from stridor.models.checkpoint import initial_encoder, load_encoder
from stridor.models.encoder import Encoder
from stridor.models.log_mel import LogMelPatches
from stridor.params import Params
from stridor.params.scoring_sections import ViewEncoder, views_of
from stridor.scoring.embedding import Embedder, EncoderEmbedder, LogMelEmbedder
from stridor.scoring.reference import MachineReference, NearestNormal, Scorer
from stridor.scoring.views import detector_embedder
from stridor.stages.layout import Layout
from stridor.stages.systems import AUTOENCODERS, FINE_TUNED, System, scoring_of


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


def encoder_of(system: System, layout: Layout, params: Params) -> Encoder:
    """Return the encoder of a system that has one, as for `make_embedder`."""
    if system == "log_mel_mahalanobis":
        return LogMelPatches(frames=1)
    if system in (FINE_TUNED, "stage_one"):
        return load_encoder(layout.encoder if system == FINE_TUNED else layout.stage_one)
    encoder = initial_encoder(params.encoder, params.seed)
    return encoder.with_random_weights(params.seed) if system == "random" else encoder
