"""Stage `index`: embed every machine's normal training clips into its reference bank."""

from pathlib import Path

from stridor.data.manifest import Manifest
from stridor.models.checkpoint import initial_encoder, load_encoder
from stridor.models.device import device_for
from stridor.params import Params
from stridor.scoring.embedding import Embedder
from stridor.scoring.reference import MachineReference
from stridor.stages.entry import run_for_detector
from stridor.stages.places import SYSTEMS, Places, System
from stridor.whole import whole_folder


def embedder(system: System, places: Places, params: Params) -> Embedder:
    """Return the embedder of a system: the trained encoder, or the one that training started from."""
    tuned = system == "fine_tuned"
    encoder = load_encoder(places.encoder) if tuned else initial_encoder(params.encoder, params.seed)
    return Embedder(encoder, params.embedding, device_for(params.compute))


def run(detector: str, params: Params) -> None:
    """Write `bank/<system>/<machine>/`."""
    places = Places(detector)
    manifest = Manifest.read(places.manifest)
    with whole_folder(places.banks) as folder:
        for system in SYSTEMS:
            with_encoder = embedder(system, places, params)
            for machine in manifest.machines:
                reference = _reference(with_encoder, manifest, machine, params)
                reference.save(Path(folder) / system / machine)
                threshold = reference.calibration.threshold
                print(f"{machine}, {system}: {len(reference.bank.file_names_)} references, threshold {threshold:.4g}")


def _reference(with_encoder: Embedder, manifest: Manifest, machine: str, params: Params) -> MachineReference:
    clips = manifest.select("train", machine)
    return MachineReference.fit(with_encoder.embed_clips(clips, params.audio), clips, params.bank)


if __name__ == "__main__":
    run_for_detector(run)
