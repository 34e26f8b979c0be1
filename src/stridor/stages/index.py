"""Stage `index`: embed the normal training clips of every machine into its reference bank."""

import shutil
from pathlib import Path

from stridor.common.atomic import atomic_folder
from stridor.data.manifest import Manifest
from stridor.data.needs import smote_note
from stridor.params import Params
from stridor.params.scoring_sections import BankParams
from stridor.params.sections import AudioParams
from stridor.scoring.embedding import Embedder
from stridor.scoring.reference import MachineReference
from stridor.stages.layout import Layout, run_for_detector
from stridor.stages.scorers import make_embedders
from stridor.stages.systems import embedding_systems_of, scoring_of


def run(layout: Layout, params: Params) -> None:
    """Write `bank/<system>/<machine>/`."""
    manifest = Manifest.read(layout.manifest)
    systems = embedding_systems_of(params)
    embedders = make_embedders(systems, layout, params)
    with atomic_folder(layout.banks) as folder:
        # All systems of a machine, one after the other: they share the encodings of its clips.
        for machine in manifest.machines:
            domains = [clip.domain for clip in manifest.select("train", machine)]
            for system in systems:
                _, bank = scoring_of(system, params)
                if note := smote_note(domains, bank):
                    print(f"{machine}, {system}: {note}.")
                reference = fit_reference(embedders[system], manifest, machine, params.audio, bank)
                reference.save(Path(folder) / system / machine)
                found = reference.calibration
                limits = " or ".join(f"{found.threshold_for(None, one):.4g} ({one})" for one in found.support())
                print(f"{machine}, {system}: {len(reference.bank.file_names_)} references, flagged above {limits}")
    # DVC has recorded the training by now; nobody will resume it.
    if layout.finished.exists():
        shutil.rmtree(layout.resume, ignore_errors=True)


def fit_reference(
    embedder: Embedder, manifest: Manifest, machine: str, audio: AudioParams, bank: BankParams
) -> MachineReference:
    """Embed a machine's training clips and fit its reference bank and threshold."""
    clips = manifest.select("train", machine)
    return MachineReference.fit(embedder.embed_clips(clips, audio), clips, bank, embedder.widths)


if __name__ == "__main__":
    run_for_detector(run)
