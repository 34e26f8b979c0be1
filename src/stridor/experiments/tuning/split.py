"""Split the labelled test clips in two halves: one on which a study compares trials, one that it never uses."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from stridor.common.errors import StridorError
from stridor.common.seeds import rng_for
from stridor.data.manifest import Clip, Manifest
from stridor.stages.evaluate import labelled_test_clips

# With fewer clips in a group a half has a single one, and its measures would be mere chance.
FEWEST = 4


@dataclass(frozen=True)
class Halves:
    """The test clips of all machines in two disjoint halves."""

    tuning: tuple[Clip, ...]
    held_back: tuple[Clip, ...]

    def without_held_back(self, manifest: Manifest) -> Manifest:
        """Return a manifest without the clips that are held back."""
        hidden = {clip.path for clip in self.held_back}
        return Manifest(tuple(clip for clip in manifest.clips if clip.path not in hidden))


def split_halves(clips: Iterable[Clip], seed: int) -> Halves:
    """Split test clips, each group of one machine, domain and label evenly; an odd clip goes to the tuning half.

    Parameters
    ----------
    clips : iterable of Clip
        Labelled test clips.
    seed : int
        Determines, with the group's name, the half of each clip; other groups have no influence.

    Raises
    ------
    StridorError
        If a machine has fewer than four normals of a domain, or fewer than four anomalies.
    """
    groups: dict[tuple[str, str, str], list[Clip]] = defaultdict(list)
    for clip in clips:
        # Labelled clips have both.
        groups[clip.machine, clip.domain or "", clip.label or ""].append(clip)
    _check(groups)
    tuning: list[Clip] = []
    held_back: list[Clip] = []
    for names, group in sorted(groups.items()):
        order = rng_for(seed, "tuning halves", *names).permutation(len(group))
        shuffled = [sorted(group, key=lambda clip: clip.path)[i] for i in order]
        tuning += shuffled[::2]
        held_back += shuffled[1::2]
    return Halves(*(tuple(sorted(half, key=lambda clip: clip.path)) for half in (tuning, held_back)))


def labelled_halves(manifest: Manifest, seed: int) -> Halves:
    """Split the test clips of a manifest.

    Raises
    ------
    StridorError
        If a machine has no test clips or too few, or their names do not contain domain and label.
    """
    return split_halves(chain.from_iterable(labelled_test_clips(manifest).values()), seed)


def _check(groups: dict[tuple[str, str, str], list[Clip]]) -> None:
    for machine in sorted({machine for machine, _, _ in groups}):
        counts = {
            f"normal clips of the {domain} domain": len(groups.get((machine, domain, "normal"), ()))
            for domain in ("source", "target")
        }
        anomalies = [len(groups.get((machine, domain, "anomaly"), ())) for domain in ("source", "target")]
        # Of a single clip, one half would get none.
        counts["anomalies"] = sum(count for count in anomalies if count > 1)
        for what, count in counts.items():
            if count < FEWEST:
                raise StridorError(
                    f"The machine '{machine}' has {count} {what} among its test clips, too few for a half to tune on "
                    f"and a half to check (at least {FEWEST}); add test clips, or set tune.objective: normal_only in "
                    "params.yaml."
                )
