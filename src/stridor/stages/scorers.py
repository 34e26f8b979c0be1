"""The scorer and the embedder of each system that is compared."""

from collections.abc import Iterable
from typing import Literal

from stridor.baselines.machine import AutoencoderScorer, MachineAutoencoder
from stridor.common.compute import device_for
from stridor.models.checkpoint import initial_encoder, load_encoder, load_tagger
from stridor.models.encoder import Encoder
from stridor.models.log_mel import LogMelPatches
from stridor.params import Params
from stridor.params.scoring_sections import EmbeddingParams, ViewEncoder, views_of
from stridor.scoring.embedding import Embedder, LogMelEmbedder
from stridor.scoring.reference import MachineReference, NearestNormal, Scorer
from stridor.scoring.shared import shared_embedders
from stridor.scoring.views import detector_embedder
from stridor.stages.layout import Layout
from stridor.stages.systems import AUTOENCODERS, FINE_TUNED, System, views_of_system


def scorers(
    system: System, machines: Iterable[str], layout: Layout, params: Params, embedder: Embedder | None = None
) -> dict[str, Scorer]:
    """Return a scorer for each machine, from the files of the stages `index` and `autoencoder`.

    Parameters
    ----------
    embedder : Embedder, optional
        One of `make_embedders`, to share its work with other systems.

    Raises
    ------
    StridorError
        If a file of the system is missing or does not fit.
    """
    if kind := AUTOENCODERS.get(system):
        device = device_for(params.compute.accelerator)
        fitted = {machine: MachineAutoencoder.load(layout.autoencoders / machine, device) for machine in machines}
        return {machine: AutoencoderScorer(one, kind) for machine, one in fitted.items()}
    embedder = embedder or make_embedders([system], layout, params)[system]
    banks = layout.banks / system
    return {machine: NearestNormal(embedder, MachineReference.load(banks / machine)) for machine in machines}


def make_embedders(systems: Iterable[System], layout: Layout, params: Params) -> dict[System, Embedder]:
    """Return the embedder of each system that scores by embeddings; they encode a clip once for all of them.

    log_mel: the mean log-mel spectrum; log_mel_mahalanobis: quantiles of it over time; tagger: the second encoder;
    random: the encoder's architecture with random weights; frozen: the encoder before training; stage_one: the encoder
    after the first stage; fine_tuned: the encoder after both stages; joined: the views of `bank.views`.

    Raises
    ------
    StridorError
        If a checkpoint is missing or does not fit.
    """
    device = device_for(params.compute.accelerator)
    encoders: dict[str, Encoder] = {}
    shared: dict[System, list[tuple[Encoder, EmbeddingParams]]] = {}
    embedders: dict[System, Embedder] = {}
    for system in systems:
        if system == "log_mel":
            embedders[system] = LogMelEmbedder(device)
            continue
        views = views_of_system(system, params)
        for name, _ in views:
            if name not in encoders:
                encoders[name] = encoder_of(name, layout, params)
        shared[system] = [(encoders[name], way) for name, way in views]
    return embedders | (shared_embedders(shared, device) if shared else {})


def make_detector_embedder(encoder: Encoder, params: Params) -> Embedder:
    """Return the embedder of a detector with this fine-tuned encoder, of one view or of several."""
    encoders: dict[ViewEncoder, Encoder] = {"fine_tuned": encoder}
    views = views_of(params.embedding, params.bank)
    names: list[Literal["tagger", "frozen"]] = ["tagger", "frozen"]
    encoders |= {name: untrained_encoder(name, params) for name in names if any(view == name for view, _ in views)}
    return detector_embedder(views, encoders, device_for(params.compute.accelerator))


def encoder_of(name: str, layout: Layout, params: Params) -> Encoder:
    """Return an encoder by its name: that of a view, `random` or `stage_one`."""
    if name == "log_mel":
        return LogMelPatches(frames=1)
    if name in (FINE_TUNED, "stage_one"):
        return load_encoder(layout.encoder if name == FINE_TUNED else layout.stage_one)
    if name == "random":
        return initial_encoder(params.encoder, params.seed).with_random_weights(params.seed)
    return untrained_encoder("tagger" if name == "tagger" else "frozen", params)


def untrained_encoder(name: Literal["tagger", "frozen"], params: Params) -> Encoder:
    """Return an encoder that is used as it is: the second one, or the one that training starts from."""
    return load_tagger(params.tagger) if name == "tagger" else initial_encoder(params.encoder, params.seed)
