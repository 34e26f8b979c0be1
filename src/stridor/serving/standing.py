"""Whether a new version takes the champion's place: a comparison on the same test clips, by one rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from stridor.common.errors import StridorError
from stridor.evaluation.bootstrap import Difference, bootstrap_difference
from stridor.params.sections import EvaluationParams
from stridor.serving.detector import Detector
from stridor.serving.kept_scores import KeptScore, are_here, as_scored, read_scores, same_clips, scored_again
from stridor.tracking.candidate import SCORES
from stridor.tracking.model_files import download_model, read_model
from stridor.tracking.registry import model_name
from stridor.tracking.versions import (
    CHALLENGER,
    CHAMPION,
    Version,
    challenge,
    list_versions,
    promote,
    version_numbered,
    version_with,
)


@dataclass(frozen=True)
class Standing:
    """What became of a new version.

    Attributes
    ----------
    version : int
    champion : int
        The version that is served now.
    why : str
    """

    detector: str
    version: int
    champion: int
    why: str

    def text(self) -> str:
        """Return a line for people."""
        name = f"stridor-{self.detector}"
        if self.version == self.champion:
            return f"{name} version {self.version} is models:/{name}@champion: {self.why}"
        return (
            f"{name} version {self.version} is models:/{name}@challenger, version {self.champion} stays champion: "
            f"{self.why}; 'stridor promote {self.detector} {self.version}' has it served all the same"
        )


def enter(
    detector: str,
    version: int,
    scores: Sequence[KeptScore] = (),
    evaluation: EvaluationParams = EvaluationParams(),  # noqa: B008, the record is frozen
    seed: int = 0,
) -> Standing:
    """Make a version the challenger, and the champion if there is none or if it is not worse on the same clips.

    It is worse if the whole paired-bootstrap interval of its total minus the champion's lies below 0. A version that
    was taken back, or cannot be compared, remains the challenger.

    Parameters
    ----------
    scores : sequence of KeptScore
        Of the version; none if its machines have no labelled test clips.

    Raises
    ------
    StridorError
        If the store fails.
    """
    challenge(detector, version)
    champion = version_with(detector, CHAMPION)
    if champion is None:
        return _promoted(detector, version, "there was no champion to compare it with")
    if champion.number == version:
        return Standing(detector, version, version, "it was the champion already")
    if version_numbered(detector, version).withdrawn:
        return Standing(detector, version, champion.number, "it was taken back before")
    if not scores:
        why = "there are no labelled test clips to compare the two on"
        return Standing(detector, version, champion.number, why)
    try:
        difference = compared_with(detector, champion.number, scores, evaluation, seed)
    except StridorError as error:
        why = f"the two cannot be compared ({str(error).rstrip('.')})"
        return Standing(detector, version, champion.number, why)
    if difference is None:
        why = "the champion did not score the same test clips, which are not here"
        return Standing(detector, version, champion.number, why)
    why = difference_in_words(difference, champion.number, len(scores))
    if difference.interval.high < 0:
        return Standing(detector, version, champion.number, f"it is worse, {why}")
    return _promoted(detector, version, f"it is not worse, {why}")


def promote_by_hand(detector: str, version: int | None, why: str, force: bool = False) -> Standing:
    """Make a version the champion because somebody says so, unless it is known to be worse.

    Parameters
    ----------
    version : int, optional
        By default the challenger.
    why : str
        Goes into the version's tag, with the comparison if there is one.
    force : bool
        Do so even if it is worse on the same test clips.

    Raises
    ------
    StridorError
        If there is no such version, or it is worse and `force` is not given.
    """
    versions = list_versions(detector)
    if version is None:
        challenger = next((one for one in versions if CHALLENGER in one.aliases), None)
        if challenger is None:
            raise StridorError(f"The detector '{detector}' has no challenger; name a version: {_numbers(versions)}.")
        version = challenger.number
    champion = next((one for one in versions if CHAMPION in one.aliases), None)
    if champion is not None and champion.number == version:
        return Standing(detector, version, version, "it was the champion already")
    kept = kept_scores(detector, version)
    difference, unknown = None, ""
    try:
        difference = compared_with(detector, champion.number, kept) if champion and kept else None
    except StridorError as error:
        # A champion whose files are lost must not stay for that reason.
        unknown = f" ({str(error).rstrip('.')})"
    if champion is not None and difference is not None:
        said = difference_in_words(difference, champion.number, len(kept))
        if difference.interval.high < 0 and not force:
            raise StridorError(
                f"Version {version} of the detector '{detector}' is worse than what is served, {said}; add --force to "
                "have it served all the same."
            )
        why = f"{why}, {said}"
    elif champion is not None:
        why = f"{why}, not compared with version {champion.number}{unknown}"
    return _promoted(detector, version, why)


def compared_with(
    detector: str,
    other: int,
    scores: Sequence[KeptScore],
    evaluation: EvaluationParams = EvaluationParams(),  # noqa: B008, the record is frozen
    seed: int = 0,
) -> Difference | None:
    """Return the total of some scores minus that of another version on the same clips.

    If the other version has scored different ones, it scores these, where they lie below the working directory; if
    they do not, the answer is None.
    """
    theirs = _scores_on(detector, other, scores)
    if theirs is None:
        return None
    confidence, resamples = evaluation.confidence, evaluation.bootstrap
    return bootstrap_difference(as_scored(theirs), as_scored(scores), resamples, confidence, seed)


def difference_in_words(difference: Difference, other: int, clips: int) -> str:
    """Return a difference as "+1.2 points [-3.0, 5.5] against version 2 on 60 test clips"."""
    low, high = 100 * difference.interval.low, 100 * difference.interval.high
    return f"{100 * difference.value:+.1f} points [{low:.1f}, {high:.1f}] against version {other} on {clips} test clips"


def kept_scores(detector: str, version: int) -> list[KeptScore]:
    """Return the scores that a version keeps; empty if it keeps none."""
    with TemporaryDirectory(prefix="stridor-") as folder:
        artifacts, _ = read_model(download_model(f"models:/{model_name(detector)}/{version}", Path(folder)))
        return read_scores(artifacts[SCORES]) if SCORES in artifacts else []


def _scores_on(detector: str, version: int, scores: Sequence[KeptScore]) -> list[KeptScore] | None:
    kept = kept_scores(detector, version)
    if kept and same_clips(kept, scores):
        return kept
    if not are_here(scores):
        return None
    return scored_again(Detector.load(f"models:/{model_name(detector)}/{version}"), scores)


def _numbers(versions: Sequence[Version]) -> str:
    return ", ".join(str(one.number) for one in reversed(versions))


def _promoted(detector: str, version: int, why: str) -> Standing:
    promote(detector, version, why)
    return Standing(detector, version, version, why)
