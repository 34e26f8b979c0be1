"""Stage `augment`: list a detector's clips and mix its supplemental clips with noise."""

from stridor.data.augment import augment
from stridor.data.manifest import build_manifest
from stridor.params import Params
from stridor.stages.entry import run_for_detector
from stridor.stages.places import DATA, Places


def run(places: Places, params: Params) -> None:
    """Write `manifest.csv` and `augmented/`."""
    manifest = build_manifest(DATA, params.detectors[places.detector].machines)
    pairs = augment(manifest.select("supplemental"), params, places.augmented)
    manifest.write(places.manifest)
    for machine in manifest.machines:
        clips = [clip for clip in manifest.clips if clip.machine == machine]
        kinds = sorted({clip.kind for clip in clips if clip.kind}) or ["no"]
        print(f"{machine}: {len(clips)} clips, {' and '.join(kinds)} supplements")
    print(f"{len(pairs)} noisy variants in {places.augmented}")


if __name__ == "__main__":
    run_for_detector(run)
