"""Which system is registered: the one that params.yaml names, or the one that merit says, by a rule made beforehand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stridor.evaluation.bootstrap import Difference, bootstrap_difference
from stridor.evaluation.measures import ScoredClips
from stridor.params import Params
from stridor.stages.systems import NAMES, System, detector_system, systems_of

# The simplest first: what has less to learn, and less to go wrong. Random weights are compared and never chosen.
BY_SIMPLICITY: tuple[System, ...] = (
    "log_mel", "log_mel_mahalanobis", "autoencoder_mse", "autoencoder_mahalanobis", "tagger", "frozen", "stage_one",
    "fine_tuned", "joined",
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """A system and why it was chosen."""

    system: System
    why: str


def choose(params: Params, scored: Mapping[System, Sequence[ScoredClips]]) -> Choice:
    """Return the system that is to be served.

    With `register.system: best`, the simplest system holds until one that is less simple is ahead: its total on the
    same test clips is higher, and so is the lower end of the paired-bootstrap interval of the difference. That one
    holds from then on, against what is less simple still. Intervals are widened for the number of comparisons
    (Bonferroni): all together hold with `evaluation.confidence`. Where nothing was scored, the simplest holds.

    Parameters
    ----------
    params : Params
        Of the detector.
    scored : mapping of system to its scored test clips
        Empty where the test clips have no labels.
    """
    wanted = params.register.system
    if wanted == "configured":
        return Choice(detector_system(params), "what bank.views says" if params.bank.views else "without bank.views")
    if wanted != "best":
        return Choice(wanted, "named by register.system")
    known = systems_of(params)
    candidates = [one for one in BY_SIMPLICITY if one in known and (not scored or one in scored)]
    holder, why = candidates[0], "the simplest; nothing was measured"
    if scored:
        why = "the simplest; none is ahead of it with the interval on its side"
    for system in candidates[1:] if scored else ():
        difference = _difference(scored[holder], scored[system], params, comparisons=len(candidates) - 1)
        if difference.interval.low > 0:
            low, high = 100 * difference.interval.low, 100 * difference.interval.high
            why = f"ahead of {NAMES[holder]} by {100 * difference.value:.1f} points [{low:.1f}, {high:.1f}]"
            holder = system
    return Choice(holder, why)


def ahead_of(system: System, scored: Mapping[System, Sequence[ScoredClips]], params: Params) -> list[str]:
    """Name the systems that are ahead of one with the interval on their side, and by how much."""
    found = []
    others = [one for one in BY_SIMPLICITY if one in scored and one != system]
    for other in others if system in scored else ():
        difference = _difference(scored[system], scored[other], params, comparisons=len(others))
        if difference.interval.low > 0:
            low, high = 100 * difference.interval.low, 100 * difference.interval.high
            found.append(f"{NAMES[other]} by {100 * difference.value:.1f} points [{low:.1f}, {high:.1f}]")
    return found


def _difference(
    first: Sequence[ScoredClips], second: Sequence[ScoredClips], params: Params, comparisons: int
) -> Difference:
    confidence = 1 - (1 - params.evaluation.confidence) / comparisons
    return bootstrap_difference(first, second, params.evaluation.bootstrap, confidence, params.seed)
