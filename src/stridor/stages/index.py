"""Stage `index`: embed every machine's normal training clips into its reference bank."""

from pathlib import Path

from stridor.common.atomic import atomic_folder
from stridor.data.manifest import Manifest
from stridor.params import Params
from stridor.scoring.embedding import Embedder
from stridor.scoring.reference import MachineReference
from stridor.stages.layout import Layout, run_for_detector
from stridor.stages.systems import embedder, embedding_systems_of


def run(layout: Layout, params: Params) -> None:
    """Write `bank/<system>/<machine>/`."""
    manifest = Manifest.read(layout.manifest)
    with atomic_folder(layout.banks) as folder:
        for system in embedding_systems_of(params):
            with_encoder = embedder(system, layout, params)
            for machine in manifest.machines:
                reference = fit_reference(with_encoder, manifest, machine, params)
                reference.save(Path(folder) / system / machine)
                threshold = reference.calibration.threshold
                print(f"{machine}, {system}: {len(reference.bank.file_names_)} references, threshold {threshold:.4g}")


def fit_reference(with_encoder: Embedder, manifest: Manifest, machine: str, params: Params) -> MachineReference:
    """Embed a machine's training clips into its reference."""
    clips = manifest.select("train", machine)
    return MachineReference.fit(with_encoder.embed_clips(clips, params.audio), clips, params.bank)


if __name__ == "__main__":
    run_for_detector(run)
