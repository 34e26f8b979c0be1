"""Stage `augment`: list a detector's clips and mix its supplemental clips with noise."""

from stridor.data.augment import augment
from stridor.data.interferers import list_recordings
from stridor.data.manifest import Manifest, build_manifest
from stridor.data.needs import ClipKind, missing_for_measures, require_references, smote_note
from stridor.params import Params
from stridor.stages.layout import DATA, Layout, run_for_detector


def run(layout: Layout, params: Params) -> None:
    """Write `manifest.csv` and `augmented/`."""
    manifest = build_manifest(DATA, params.detectors[layout.detector].machines)
    _check_needs(manifest, params)
    recordings = list_recordings(params.augment.interferers, manifest.machines, DATA, params.seed)
    pairs = augment(manifest.select("supplemental"), params, layout.augmented, recordings)
    manifest.write(layout.manifest)
    for machine in manifest.machines:
        clips = [clip for clip in manifest.clips if clip.machine == machine]
        kinds: list[str] = sorted({clip.kind for clip in clips if clip.kind}) or ["no"]
        print(f"{machine}: {len(clips)} clips, {' and '.join(kinds)} supplements")
    print(f"{len(pairs)} noisy variants in {layout.augmented}")
    if recordings:
        print(f"{len(recordings)} recordings of {', '.join({one.source: None for one in recordings})} to mix with")


def _check_needs(manifest: Manifest, params: Params) -> None:
    """Report what later stages will lack, before anything is trained.

    What this stage writes does not depend on it, so that it is no parameter of the stage in dvc.yaml.
    """
    for machine in manifest.machines:
        clips = [ClipKind(one.split, one.domain, one.label) for one in manifest.clips if one.machine == machine]
        require_references(machine, clips, params.bank)
        if note := smote_note([clip.domain for clip in clips if clip.split == "train"], params.bank):
            print(f"{machine}: {note}.")
        if missing := missing_for_measures(clips):
            print(
                f"{machine} has no {' and no '.join(missing)}: 'dvc repro index@<detector>' and 'stridor register' "
                "make its detector, and the stage evaluate will say that it cannot be measured."
            )


if __name__ == "__main__":
    run_for_detector(run)
