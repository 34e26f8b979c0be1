"""What a new detector takes over from another: its encoders and the way that it scores."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stridor.common.errors import StridorError
from stridor.common.project import code_md5
from stridor.models.checkpoint import initial_encoder, load_tagger, save_encoder
from stridor.operation.normals import NormalClips
from stridor.params import PARAMS, Params, read_params
from stridor.params.scoring_sections import views_of
from stridor.params.sections import AudioParams, EncoderParams
from stridor.scoring.embedding import Embedder
from stridor.scoring.reference import MachineReference
from stridor.scoring.views import ENCODER_FILES, load_embedder
from stridor.serving.detector import UNKNOWN_CLIP_SECONDS, Detector
from stridor.serving.licences import both, origin_of, origin_of_file
from stridor.tracking.candidate import PACKAGE, model_config
from stridor.tracking.model_files import opened_model

Fit = Callable[[NormalClips], MachineReference]


@dataclass(frozen=True)
class Basis:
    """Encoders and a way to score, without any machine.

    Attributes
    ----------
    name : str
        Where it comes from.
    files : mapping of str to Path
        The encoders, as `Detector.from_files` takes them.
    config : mapping
        As from `model_config`.
    fit : callable
        Learns a machine from clips.
    clip_seconds : float
        Of the clips that it is used to.
    """

    name: str
    files: Mapping[str, Path]
    config: Mapping[str, Any]
    embedder: Embedder
    audio: AudioParams
    fit: Fit
    clip_seconds: float

    def config_for(self, machine: str) -> dict[str, Any]:
        """Return the settings of a detector of one machine, with the code that runs."""
        return {**self.config, "machines": [machine], "code": code_md5(PACKAGE)}


@contextmanager
def basis_of(detector: str | None, checkpoint: Path | None) -> Iterator[Basis]:
    """Take over a registered detector's encoders and way to score, or those of params.yaml with a checkpoint.

    Parameters
    ----------
    detector : str, optional
        As for `Detector.load`.
    checkpoint : Path, optional
        Encoder that is used as it is; without both, that of `encoder` in params.yaml.

    Raises
    ------
    StridorError
        If there is no such detector or checkpoint, or it is an autoencoder, which has to be trained.
    """
    if detector and checkpoint:
        raise StridorError("--detector and --checkpoint both name an encoder; give one of them.")
    if detector:
        with opened_model(detector) as (artifacts, config):
            yield _of_detector(detector, artifacts, config)
    else:
        with TemporaryDirectory(prefix="stridor-") as folder:
            yield _of_params(checkpoint, Path(folder))


def _of_detector(name: str, artifacts: Mapping[str, Path], config: Mapping[str, Any]) -> Basis:
    loaded = Detector.from_files(artifacts, config)
    reference = next(iter(loaded.references.values()))
    if not isinstance(reference, MachineReference):
        raise StridorError(
            f"The detector '{name}' is an autoencoder, which has to be trained for every machine; name a detector with "
            "a reference bank, or give a --checkpoint."
        )

    def fit(clips: NormalClips) -> MachineReference:
        found = reference.refitted(clips.embeddings, clips.domains, clips.names)
        length = round(float(sorted(clips.seconds)[len(clips) // 2]), 3)
        return replace(found, calibration=replace(found.calibration, clip_seconds=length))

    encoders: dict[str, Path] = {one: artifacts[one] for one in ENCODER_FILES.values() if one in artifacts}
    seconds = reference.calibration.clip_seconds or UNKNOWN_CLIP_SECONDS
    return Basis(f"the detector {name}", encoders, config, loaded.embedder, loaded.audio, fit, seconds)


def _of_params(checkpoint: Path | None, folder: Path) -> Basis:
    if checkpoint is None and not PARAMS.exists():
        raise StridorError("There is no params.yaml here that names an encoder; give --detector or --checkpoint.")
    # A placeholder for the detector: nothing of it is used.
    params = read_params() if PARAMS.exists() else Params.model_validate({"detectors": {"one": {"machines": ["one"]}}})
    encoder = params.encoder if checkpoint is None else EncoderParams(checkpoint=str(checkpoint))
    views = views_of(params.embedding, params.bank)
    names = {name for name, _ in views}
    files, origins = {}, []
    # Nothing was trained: the encoder that training would start from is used as it is.
    if used := [file for name, file in ENCODER_FILES.items() if name in names and name != "tagger"]:
        files = dict.fromkeys(used, folder / "encoder.pt")
        save_encoder(initial_encoder(encoder, params.seed), folder / "encoder.pt")
        origins.append(origin_of(encoder))
    elif checkpoint is not None:
        raise StridorError(
            f"No view of bank.views in {PARAMS} is by the encoder {checkpoint}; add one of 'frozen', or leave out "
            "--checkpoint."
        )
    if "tagger" in names:
        files["tagger"] = folder / "tagger.pt"
        save_encoder(load_tagger(params.tagger), files["tagger"])
        origins.append(origin_of_file(Path(params.tagger.checkpoint)))
    origin = both(origins)
    embedder = load_embedder(views, files)

    def fit(clips: NormalClips) -> MachineReference:
        return MachineReference.fit_named(
            clips.embeddings, clips.domains, clips.names, clips.seconds, params.bank, embedder.widths
        )

    config = model_config(
        (), params.audio, params.embedding, views if params.bank.views else (),
        system="joined" if params.bank.views else "frozen", origin=origin,
    )  # fmt: skip
    return Basis(f"the encoder {origin['encoder']}", files, config, embedder, params.audio, fit,
                 UNKNOWN_CLIP_SECONDS)  # fmt: skip
