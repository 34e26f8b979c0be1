"""Result of a study: its best trial compared with the general values, on the tuning half and on the held-back half."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stridor.data.manifest import Clip, build_manifest
from stridor.evaluation.bootstrap import Difference, Interval, bootstrap_difference, bootstrap_intervals
from stridor.evaluation.measures import ScoredClips, measure, total_score
from stridor.experiments.tuning.split import Halves, labelled_halves
from stridor.experiments.tuning.study import StudySpec
from stridor.params import Params
from stridor.stages.evaluate import score_clips
from stridor.stages.layout import DATA
from stridor.stages.scorers import scorers
from stridor.stages.systems import trained_system

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Score:
    """Harmonic mean of the measures on some clips, with its bootstrap interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class HalfComparison:
    """The general values and the best ones on the same half of the test clips, and the paired difference."""

    general: Score
    best: Score
    difference: Difference


@dataclass(frozen=True)
class Comparison:
    """The comparisons on both halves; a gain on the tuning half alone is due to chance."""

    tuning: HalfComparison
    held_back: HalfComparison


def halves_of(params: Params) -> Halves:
    """Return the halves of the test clips of a detector's machines.

    Raises
    ------
    StridorError
        If clips cannot be read, are not labelled, or are too few.
    """
    [detector] = params.detectors.values()
    return labelled_halves(build_manifest(DATA, detector.machines), params.seed)


def compare(spec: StudySpec, halves: Halves, general: "FrozenTrial", best: "FrozenTrial") -> Comparison:
    """Score both halves with the encoders of two finished trials, whose files must still exist."""
    params = spec.space.base
    found = []
    for half in (halves.tuning, halves.held_back):
        before, after = (_scored(spec, trial, half) for trial in (general, best))
        resamples, confidence = params.evaluation.bootstrap, params.evaluation.confidence
        difference = bootstrap_difference(before, after, resamples, confidence, params.seed)
        of_general, of_best = (
            Score(
                total_score(measure(clips) for clips in scored),
                bootstrap_intervals(scored, resamples, confidence, params.seed).total,
            )
            for scored in (before, after)
        )
        found.append(HalfComparison(of_general, of_best, difference))
    return Comparison(*found)


def _scored(spec: StudySpec, trial: "FrozenTrial", clips: tuple[Clip, ...]) -> list[ScoredClips]:
    layout = spec.layout(trial.number)
    # Scoring parameters may be among the searched ones.
    params = spec.space.params(spec.space.values(trial))
    found = scorers(trained_system(params), dict.fromkeys(clip.machine for clip in clips), layout, params)
    return [
        score_clips(machine, [clip for clip in clips if clip.machine == machine], scorer, params)
        for machine, scorer in found.items()
    ]
