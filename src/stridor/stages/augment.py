"""Stage `augment`: list a detector's clips and mix its supplemental clips with noise."""

from stridor.data.augment import augment
from stridor.data.manifest import build_manifest
from stridor.params import Params
from stridor.stages.layout import DATA, Layout, run_for_detector


def run(layout: Layout, params: Params) -> None:
    """Write `manifest.csv` and `augmented/`."""
    manifest = build_manifest(DATA, params.detectors[layout.detector].machines)
    pairs = augment(manifest.select("supplemental"), params, layout.augmented)
    manifest.write(layout.manifest)
    for machine in manifest.machines:
        clips = [clip for clip in manifest.clips if clip.machine == machine]
        kinds: list[str] = sorted({clip.kind for clip in clips if clip.kind}) or ["no"]
        print(f"{machine}: {len(clips)} clips, {' and '.join(kinds)} supplements")
    print(f"{len(pairs)} noisy variants in {layout.augmented}")


if __name__ == "__main__":
    run_for_detector(run)
