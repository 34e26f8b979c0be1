"""Amount of work of a detector's training: clips, examples and steps, counted as the stages count them."""

from dataclasses import dataclass

import numpy as np

from stridor.data.manifest import Manifest
from stridor.params import Params
from stridor.training.triples import training_set


@dataclass(frozen=True)
class Work:
    """The work of one detector.

    Attributes
    ----------
    normals, supplements, tests : int
        Clips on disk.
    examples : int
        Examples of an epoch.
    seconds : float
        Mean length of a training clip.
    steps_one, steps_two : int
        Steps of the two training stages.
    embedded : int
        Clips that are embedded afterwards, with every encoder that is scored.
    augmented_bytes : int
        Disk space of the noisy variants, as 16-bit samples.
    """

    normals: int
    supplements: int
    tests: int
    examples: int
    seconds: float
    steps_one: int
    steps_two: int
    embedded: int
    augmented_bytes: int


def work_of(manifest: Manifest, params: Params) -> Work:
    """Count the work of a detector.

    Parameters
    ----------
    manifest : Manifest
        Of the detector.
    params : Params
        Of the detector.
    """
    normals, supplements = manifest.select("train"), manifest.select("supplemental")
    clean = [clip for clip in supplements if clip.kind == "clean"]
    # The noisy variants do not exist yet; everything else is counted by the function that training uses.
    examples = len(training_set(manifest, [], params).examples) + len(clean) * params.augment.variants
    steps = -(-examples // params.training.batch_size)
    trained_on = normals + clean * params.augment.variants
    tests = manifest.select("test")
    return Work(
        normals=len(normals),
        supplements=len(supplements),
        tests=len(tests),
        examples=examples,
        seconds=float(np.mean([clip.seconds for clip in trained_on])),
        steps_one=steps * params.training.stage_one.epochs,
        steps_two=steps * params.training.stage_two.epochs,
        embedded=len(normals) + len(tests),
        augmented_bytes=round(sum(clip.seconds * 32_000 for clip in supplements) * params.augment.variants),
    )
