"""The files and settings with which each of the compared systems can be served."""

from collections.abc import Set
from pathlib import Path
from typing import Any, cast

from stridor.common.errors import StridorError
from stridor.models.checkpoint import save_encoder
from stridor.params import Params
from stridor.params.scoring_sections import EmbeddingParams, View
from stridor.serving.licences import NONE_NEEDED, both, origin_of, origin_of_file
from stridor.stages.layout import Layout
from stridor.stages.scorers import encoder_of
from stridor.stages.systems import AUTOENCODERS, JOINED, System, scoring_of, views_of_system
from stridor.tracking.candidate import model_config

# The mean log-mel spectrum, as the baseline computes it: the mean over time of every mel band.
_MEAN_SPECTRUM = EmbeddingParams(layer=0, pooling="bands")


def files_of(system: System, layout: Layout, params: Params, folder: Path) -> dict[str, Path]:
    """Return the files that `Detector.from_files` takes, those that no stage writes in `folder`.

    Raises
    ------
    StridorError
        If the system has not been trained and indexed.
    """
    if system in AUTOENCODERS:
        _require(layout.autoencoders / params.detectors[layout.detector].machines[0], "autoencoder", layout)
        return {"autoencoders": layout.autoencoders}
    _require(layout.banks / system, "index", layout)
    files = {"banks": layout.banks / system}
    names = _encoders(system, params)
    which: System
    for which in ("frozen", "random", "tagger"):
        if which in names:
            file = files[which if system == JOINED else "encoder"] = folder / f"{which}.pt"
            save_encoder(encoder_of(which, layout, params), file)
    if names & {"fine_tuned", "stage_one"}:
        files["encoder"] = layout.stage_one if system == "stage_one" else layout.encoder
        _require(files["encoder"], "index", layout)
    return files


def config_of(system: System, params: Params) -> dict[str, Any]:
    """Return what a served system needs in addition to its files; `params` are those of its detector."""
    [detector] = params.detectors.values()
    embedding, _ = scoring_of(system, params)
    views = _views(system, params)
    origin = _origin(_encoders(system, params), params)
    return model_config(detector.machines, params.audio, embedding, views, system=system, origin=origin)


def _origin(names: Set[str], params: Params) -> dict[str, str]:
    origins = []
    if names & {"frozen", "fine_tuned", "stage_one"}:
        origins.append(origin_of(params.encoder))
    if "tagger" in names:
        origins.append(origin_of_file(Path(params.tagger.checkpoint)))
    if "random" in names:
        origins.append({"encoder": "random weights", "licence": NONE_NEEDED})
    return both(origins)


def _encoders(system: System, params: Params) -> Set[str]:
    """Return the encoders of a system's views, or what it is itself."""
    return {name for name, _ in _views(system, params)} or {system}


def _views(system: System, params: Params) -> tuple[View, ...]:
    """Return the views of a system that is not one encoder's own."""
    if system == "log_mel":
        return (("log_mel", _MEAN_SPECTRUM),)
    if system in (JOINED, "log_mel_mahalanobis"):
        return cast(tuple[View, ...], views_of_system(system, params))
    return ()


def _require(place: Path, stage: str, layout: Layout) -> None:
    if not place.exists():
        raise StridorError(
            f"{place} is missing, so the detector '{layout.detector}' does not exist yet; run "
            f"'dvc repro {stage}@{layout.detector}' first."
        )
