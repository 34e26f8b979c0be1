"""Stage `index`: embed the normal training clips of every machine into its reference bank."""

import shutil
from pathlib import Path

from stridor.common.atomic import atomic_folder
from stridor.data.manifest import Manifest
from stridor.params import Params
from stridor.scoring.embedding import Embedder
from stridor.scoring.reference import MachineReference
from stridor.stages.layout import Layout, run_for_detector
from stridor.stages.scorers import make_embedder
from stridor.stages.systems import embedding_systems_of


def run(layout: Layout, params: Params) -> None:
    """Write `bank/<system>/<machine>/`."""
    manifest = Manifest.read(layout.manifest)
    with atomic_folder(layout.banks) as folder:
        for system in embedding_systems_of(params):
            embedder = make_embedder(system, layout, params)
            for machine in manifest.machines:
                reference = fit_reference(embedder, manifest, machine, params)
                reference.save(Path(folder) / system / machine)
                threshold = reference.calibration.threshold
                print(f"{machine}, {system}: {len(reference.bank.file_names_)} references, threshold {threshold:.4g}")
    # DVC has recorded the training by now; nobody will resume it.
    if layout.finished.exists():
        shutil.rmtree(layout.resume, ignore_errors=True)


def fit_reference(embedder: Embedder, manifest: Manifest, machine: str, params: Params) -> MachineReference:
    """Embed a machine's training clips and fit its reference bank and threshold."""
    clips = manifest.select("train", machine)
    return MachineReference.fit(embedder.embed_clips(clips, params.audio), clips, params.bank)


if __name__ == "__main__":
    run_for_detector(run)
